//! Strategies and fixtures for tests of the API server, for users too.
