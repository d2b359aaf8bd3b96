//! Work that is seen to its end, whoever waits for it.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;

/// The work has panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Runs in the task that waits for it, which saves a task and two wake-ups a request; but when it
/// is dropped before its end, it goes on in a task of its own. A panic ends the work alone.
pub(crate) struct Seen<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Seen<T> {
    pub(crate) fn to_its_end(work: impl Future<Output = T> + Send + 'static) -> Seen<T> {
        Seen(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Seen<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while it runs: what has panicked must not be polled again.
        let Some(mut work) = self.0.take() else {
            return Poll::Ready(Err(Panicked));
        };
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Ready(end)) => Poll::Ready(Ok(end)),
            Ok(Poll::Pending) => {
                self.0 = Some(work);
                Poll::Pending
            }
            Err(_) => {
                tracing::error!("a request panicked");
                Poll::Ready(Err(Panicked))
            }
        }
    }
}

impl<T: Send + 'static> Drop for Seen<T> {
    fn drop(&mut self) {
        // Without a runtime the process is ending.
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;
    use std::future::poll_fn;
    use std::task::Poll;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_given_up_still_comes_to_its_end() {
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut work = Seen::to_its_end(async move {
            gone.await.unwrap();
            tell.send(7).unwrap();
        });
        let first = poll_fn(|context| {
            let pending = std::pin::Pin::new(&mut work).poll(context).is_pending();
            Poll::Ready(pending)
        });
        assert!(first.await);
        drop(work);
        go.send(()).unwrap();
        assert_eq!(told.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_alone() {
        assert!(
            Seen::to_its_end(async { panic!("on purpose") })
                .await
                .is_err()
        );
        assert_eq!(Seen::to_its_end(async { 1 }).await.unwrap(), 1);
    }
}
