//! An upstream that speaks HTTP/2 without TLS, and gives each request the same answer.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Threads of the server.
const THREADS: usize = 2;

/// The media type and the body of the answer.
type Answer = Arc<Mutex<(&'static str, Bytes)>>;

/// A server on a port of its own. It stops when this is dropped.
pub(crate) struct Http2 {
    port: u16,
    answer: Answer,
    _runtime: Runtime,
}

impl Http2 {
    pub(crate) fn start() -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(THREADS).enable_io().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Answer::default();
        runtime.spawn(accept(listener, Arc::clone(&answer)));
        Self { port, answer, _runtime: runtime }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Answers each request from now on with this body.
    pub(crate) fn answer_with(&self, media_type: &'static str, body: Vec<u8>) {
        *self.answer.lock().unwrap() = (media_type, body.into());
    }
}

async fn accept(listener: TcpListener, answer: Answer) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(tcp, Arc::clone(&answer)));
    }
}

/// Serves a connection until Envoy closes it.
async fn serve(tcp: TcpStream, answer: Answer) {
    tcp.set_nodelay(true).unwrap();
    let service = service_fn(move |request| reply(request, Arc::clone(&answer)));
    let server = http2::Builder::new(TokioExecutor::new());
    // An error is the end of the connection, which Envoy sees.
    let _ = server.serve_connection(TokioIo::new(tcp), service).await;
}

async fn reply(
    request: Request<Incoming>,
    answer: Answer,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // The stream of a request that is not read to its end would be reset.
    let _ = request.into_body().collect().await;
    let (media_type, body) = answer.lock().unwrap().clone();
    let head = Response::builder().header("content-type", media_type);
    Ok(head.header("cache-control", "no-cache").body(Full::new(body)).unwrap())
}
