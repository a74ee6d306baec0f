//! The accept loop, and the walls around it.

use std::convert::Infallible;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};

use super::{Auth, Reply, ReplyBody, Request, Site};

/// Connections served at once; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 64;
/// A request head must be complete within this time, also on an idle keep-alive connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A TLS handshake must be complete within this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection ends after this time, whatever it does (event streams reconnect by themselves).
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Largest request head in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken or not ours.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// The thread or its runtime could not be started.
    #[error("cannot start the listener on {0}: {1}")]
    Start(SocketAddr, std::io::Error),
}

/// A bound socket that does not accept yet: bind first, drop privileges, then serve.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds.
    ///
    /// # Errors
    /// [`ListenError::Bind`].
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let socket = TcpListener::bind(address).map_err(|e| ListenError::Bind(address, e))?;
        let address = socket
            .local_addr()
            .map_err(|e| ListenError::Bind(address, e))?;
        Ok(Self { socket, address })
    }

    /// The address, with the port the system chose where 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `site` on a thread called `name` until the returned [`Server`] is dropped.
    ///
    /// # Errors
    /// [`ListenError::Start`].
    pub fn serve(
        self,
        name: &str,
        tls: Option<Arc<ServerConfig>>,
        auth: Auth,
        site: Arc<dyn Site>,
    ) -> Result<Server, ListenError> {
        let address = self.address;
        let fault = |e| ListenError::Start(address, e);
        self.socket.set_nonblocking(true).map_err(fault)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(fault)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let door = Arc::new(Door {
            auth,
            site,
            tls: tls.is_some(),
        });
        let socket = self.socket;
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(accept(socket, tls, door, stopped)))
            .map_err(fault)?;
        Ok(Server {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

/// A running listener; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A listener that panicked has already said where; there is nothing left to do for it here.
            drop(thread.join());
        }
    }
}

struct Door {
    auth: Auth,
    site: Arc<dyn Site>,
    tls: bool,
}

async fn accept(
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    door: Arc<Door>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
        return;
    };
    let acceptor = tls.map(tokio_rustls::TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = socket.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, or the peer is gone already: wait a little, then go on.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                stream
            }
        };
        let door = Arc::clone(&door);
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let _place = place;
            if let Some(acceptor) = acceptor {
                let handshake =
                    tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
                if let Ok(Ok(stream)) = handshake {
                    connection(stream, door).await;
                }
            } else {
                connection(stream, door).await;
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, door: Arc<Door>) {
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        answer(door, request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // A scraper that hangs up or speaks no HTTP is its own affair: there is nobody to tell.
    drop(tokio::time::timeout(CONNECTION_TIMEOUT, serving).await);
}

#[allow(clippy::manual_async_fn, reason = "hyper wants a future that is Send")]
fn answer(
    door: Arc<Door>,
    request: hyper::Request<Incoming>,
) -> impl Future<Output = Result<hyper::Response<ReplyBody>, Infallible>> + Send {
    async move {
        let (head, _body) = request.into_parts();
        let request = Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            tls: door.tls,
        };
        Ok(into_response(
            door.reply(&request),
            request.method == "HEAD",
        ))
    }
}

impl Door {
    fn reply(&self, request: &Request<'_>) -> Reply {
        if !self.site.is_open(request.path) && !self.auth.admits(request.header("authorization")) {
            return Reply::text(401, "Unauthorized\n")
                .with("www-authenticate", self.auth.challenge());
        }
        if !matches!(request.method, "GET" | "HEAD") {
            return Reply::text(405, "Method not allowed\n").with("allow", "GET, HEAD");
        }
        self.site.respond(request)
    }
}

fn into_response(reply: Reply, head_only: bool) -> hyper::Response<ReplyBody> {
    let mut response = hyper::Response::builder()
        .status(reply.status)
        .header("x-content-type-options", "nosniff")
        .header("cache-control", "no-store");
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = if head_only {
        ReplyBody::Whole(None)
    } else {
        reply.body
    };
    response.body(body).unwrap_or_else(|_| {
        let mut broken = hyper::Response::new(ReplyBody::Whole(None));
        *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Credentials;
    use std::io::{Read, Write};

    struct Hello;
    impl Site for Hello {
        fn respond(&self, request: &Request<'_>) -> Reply {
            Reply::text(200, format!("hello {}\n", request.path))
        }
        fn is_open(&self, path: &str) -> bool {
            path == "/-/healthy"
        }
    }

    fn get(address: SocketAddr, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn serves_and_asks_for_credentials() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let bearers = vec![zeroize::Zeroizing::new("t".to_owned())];
        let auth = Auth::new(Credentials {
            bearers,
            ..Credentials::default()
        })
        .unwrap();
        let server = listener
            .serve("ht-exporter", None, auth, Arc::new(Hello))
            .unwrap();
        let close = "Host: x\r\nConnection: close\r\n";
        assert!(
            get(address, &format!("GET /m HTTP/1.1\r\n{close}\r\n")).starts_with("HTTP/1.1 401")
        );
        assert!(
            get(address, &format!("GET /-/healthy HTTP/1.1\r\n{close}\r\n"))
                .starts_with("HTTP/1.1 200")
        );
        let ok = get(
            address,
            &format!("GET /m HTTP/1.1\r\n{close}Authorization: Bearer t\r\n\r\n"),
        );
        assert!(ok.ends_with("hello /m\n"), "{ok}");
        let post = get(
            address,
            &format!("POST /m HTTP/1.1\r\n{close}Authorization: Bearer t\r\n\r\n"),
        );
        assert!(post.starts_with("HTTP/1.1 405"), "{post}");
        drop(server);
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
