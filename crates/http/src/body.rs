//! Reads a request's body, bounded in length and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;

use crate::refusal::Refusal;

/// The whole body. One that announces too great a length is refused before it is read.
pub(crate) async fn read<B>(body: B, len_max: usize, within: Duration) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > len_max as u64 {
        return Err(Refusal::BodyTooLong { len_max });
    }
    match tokio::time::timeout(within, Limited::new(body, len_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_too_long(error.as_ref()) => Err(Refusal::BodyTooLong { len_max }),
        Ok(Err(_)) => Err(Refusal::BodyIncomplete),
        Err(_) => Err(Refusal::BodySlow { within }),
    }
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http_body_util::Full;
    use hyper::body::Frame;
    use pushtally_wire::Code;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    const WITHIN: Duration = Duration::from_secs(10);

    /// Gives its chunks, then nothing more, ever.
    struct Stalled(Vec<Bytes>);

    impl hyper::body::Body for Stalled {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.pop().map_or(Poll::Pending, |chunk| {
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            })
        }
    }

    #[tokio::test]
    async fn a_body_at_the_bound_is_read_and_one_beyond_is_not() {
        let full = |len: usize| Full::new(Bytes::from(vec![b'x'; len]));
        assert_eq!(read(full(10), 10, WITHIN).await.unwrap().len(), 10);
        let refusal = read(full(11), 10, WITHIN).await.unwrap_err();
        assert_eq!(
            (refusal.code(), refusal.to_string().as_str()),
            (Code::NotJson, "body is longer than `10` bytes")
        );
    }

    #[tokio::test]
    async fn a_body_that_hides_its_length_is_cut_off_at_the_bound() {
        let chunks = Stalled(vec![Bytes::from_static(b"0123456"); 2]);
        let refusal = read(chunks, 10, WITHIN).await.unwrap_err();
        assert!(matches!(refusal, Refusal::BodyTooLong { len_max: 10 }));
        // The same behind axum's boxed body, which wraps errors.
        let refusal = read(
            Body::new(Stalled(vec![Bytes::from_static(b"0123456"); 2])),
            10,
            WITHIN,
        )
        .await
        .unwrap_err();
        assert!(matches!(refusal, Refusal::BodyTooLong { len_max: 10 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_refused_in_time() {
        let refusal = read(Stalled(vec![Bytes::from_static(b"{")]), 10, WITHIN)
            .await
            .unwrap_err();
        assert_eq!(refusal.code(), Code::RequestIncomplete);
        assert_eq!(
            refusal.to_string(),
            "body did not arrive within `10` seconds"
        );
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_incomplete() {
        struct Broken;
        impl hyper::body::Body for Broken {
            type Data = Bytes;
            type Error = std::io::Error;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
                Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
            }
        }
        assert!(matches!(
            read(Broken, 10, WITHIN).await,
            Err(Refusal::BodyIncomplete)
        ));
    }
}
