//! A bare HTTP/1.1 client over TLS: it sends what it is told to, byte for byte, and hands back what
//! came, before anything is interpreted.

use crate::live::{Live, PATIENCE};
use model::wire::{Certificate, Head};
use server::Running;
use std::{
    fs,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

/// The largest head of an answer, in bytes.
const HEAD_BYTES: usize = 1 << 20;

/// Whom to connect to, and how.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

/// One connection; requests go over it one after another.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// Read, and not yet used.
    buffer: Vec<u8>,
    body: Framing,
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The HTTP code.
    pub code: u16,
    /// Names in lower case and values, in order.
    pub headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The HTTP code.
    pub code: u16,
    /// Names in lower case and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub bytes: Vec<u8>,
}

/// How the rest of a body is told from what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

impl Received {
    /// The values of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.iter().filter(move |header| header.0 == name);
        headers.map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// The administrator's client.
    ///
    /// # Panics
    /// When the server's files can't be read: a test can't go on.
    #[must_use]
    pub fn new(live: &Live) -> Client {
        Client::from_directory(live.certificates(), live.address())
    }

    /// The administrator's client of a server whose certificates are in a directory.
    ///
    /// # Panics
    /// When the files can't be read.
    #[must_use]
    pub fn from_directory(directory: &Path, address: SocketAddr) -> Client {
        let read = |name: &str| fs::read(directory.join(name)).expect("a PEM file");
        Client::with(
            &read("ca.crt"),
            &read("admin.crt"),
            &read("admin.key"),
            address,
        )
    }

    /// The same for a server that is not a [`Live`].
    #[must_use]
    pub fn of(server: &Running) -> Client {
        Client::with(
            server.authority.as_bytes(),
            server.admin.certificate.as_bytes(),
            server.admin.key.as_bytes(),
            server.address,
        )
    }

    /// The user that these clients are.
    #[must_use]
    pub fn user() -> Certificate {
        Certificate {
            common_name: "kubernetes-admin".into(),
            organizations: vec!["system:masters".into()],
        }
    }

    fn with(authority: &[u8], certificate: &[u8], key: &[u8], address: SocketAddr) -> Client {
        let certificates = |pem: &[u8]| -> Vec<CertificateDer<'static>> {
            let read = CertificateDer::pem_slice_iter(pem);
            read.map(|one| one.expect("a certificate")).collect()
        };
        let mut roots = RootCertStore::empty();
        for authority in certificates(authority) {
            roots.add(authority).expect("an authority");
        }
        let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(certificate), key)
            .expect("a certificate and its key");
        Client {
            config: Arc::new(config),
            address,
        }
    }

    /// The same client, that connects to another address.
    #[must_use]
    pub fn to(&self, address: SocketAddr) -> Client {
        Client {
            address,
            ..self.clone()
        }
    }

    /// Connects. The handshake is done with the first request.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(&self) -> io::Result<Connection> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let session = ClientConnection::new(Arc::clone(&self.config), name);
        Ok(Connection {
            stream: StreamOwned::new(session.map_err(io::Error::other)?, socket),
            buffer: Vec::new(),
            body: Framing::Length(0),
        })
    }
}

impl Connection {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection is cut.
    pub fn send(&mut self, head: &Head, body: &[u8]) -> io::Result<Received> {
        let Opened { code, headers } = self.open(head, body)?;
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece()? {
            bytes.extend(piece);
        }
        Ok(Received {
            code,
            headers,
            bytes,
        })
    }

    /// Sends a request and reads the head of the answer.
    ///
    /// # Errors
    /// When the connection is cut.
    pub fn open(&mut self, head: &Head, body: &[u8]) -> io::Result<Opened> {
        let target = match head.query.as_str() {
            "" => head.path.clone(),
            query => format!("{}?{query}", head.path),
        };
        let mut bytes = format!("{} {target} HTTP/1.1\r\nhost: test\r\n", head.method);
        for (name, value) in &head.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            bytes.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        bytes.push_str("\r\n");
        self.write(&[bytes.as_bytes(), body].concat())?;
        self.opened()
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// When the connection is cut.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// When the connection is cut.
    pub fn close(&mut self) -> io::Result<()> {
        self.stream.conn.send_close_notify();
        self.stream.flush()?;
        self.stream.sock.shutdown(Shutdown::Write)
    }

    /// Reads the head of an answer.
    ///
    /// # Errors
    /// When the connection is cut, or it is no HTTP/1.1.
    pub fn opened(&mut self) -> io::Result<Opened> {
        let text = self.take_until(b"\r\n\r\n", HEAD_BYTES)?;
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        let mut lines = text.split("\r\n");
        let code = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let code = code.ok_or_else(|| io::Error::other("no status line"))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let value = |name: &str| {
            headers
                .iter()
                .find(|it| it.0 == name)
                .map(|it| it.1.as_str())
        };
        self.body = match (value("transfer-encoding"), value("content-length")) {
            (Some("chunked"), _) => Framing::Chunked,
            (_, Some(length)) => Framing::Length(length.parse().map_err(io::Error::other)?),
            _ => Framing::UntilClosed,
        };
        Ok(Opened { code, headers })
    }

    /// The next line of a streamed body, its end included; `None` at the end of the body.
    ///
    /// # Errors
    /// When the connection is cut: what came of a last line is lost.
    pub fn line(&mut self, unfinished: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = unfinished.iter().position(|byte| *byte == b'\n') {
                let rest = unfinished.split_off(end + 1);
                return Ok(Some(std::mem::replace(unfinished, rest)));
            }
            match self.piece()? {
                Some(piece) => unfinished.extend(piece),
                None if unfinished.is_empty() => return Ok(None),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Some more of the body; `None` at its end.
    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.body {
            Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                self.fill()?;
                let piece: Vec<u8> = self.buffer.drain(..left.min(self.buffer.len())).collect();
                self.body = Framing::Length(left - piece.len());
                Ok(Some(piece))
            }
            Framing::Chunked => {
                let size = self.take_until(b"\r\n", 64)?;
                let size = String::from_utf8_lossy(&size);
                let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
                while self.buffer.len() < size + 2 {
                    self.read_more()?;
                }
                let piece = self.buffer.drain(..size + 2).take(size).collect();
                if size == 0 {
                    self.body = Framing::Length(0);
                    return Ok(None);
                }
                Ok(Some(piece))
            }
            Framing::UntilClosed => match self.fill() {
                Ok(()) => Ok(Some(std::mem::take(&mut self.buffer))),
                Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => {
                    self.body = Framing::Length(0);
                    Ok(None)
                }
                Err(why) => Err(why),
            },
        }
    }

    /// Waits until there is something in the buffer.
    fn fill(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.read_more()?;
        }
        Ok(())
    }

    fn take_until(&mut self, end: &[u8], most: usize) -> io::Result<Vec<u8>> {
        loop {
            let found = self
                .buffer
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                let mut taken: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                taken.truncate(at);
                return Ok(taken);
            }
            if self.buffer.len() > most {
                return Err(io::Error::other("too long"));
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut more = [0; 16 * 1024];
        match self.stream.read(&mut more)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&more[..count]);
                Ok(())
            }
        }
    }
}
