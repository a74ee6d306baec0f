//! The two listeners: bound before the sandbox closes, served from memory by threads that start behind it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::commands::LiveOptions;
use crate::error::{Error, Exit};
use crate::operator::{OperatorSite, OperatorState, OperatorToken};
use crate::release::exporter::PublicSite;
use crate::serve::{Auth, Credentials, Listener, Server, Site, WebConfig};

/// Both sockets, with what their configuration says.
pub(super) struct Listeners {
    public: (Listener, WebConfig),
    operator: (Listener, WebConfig),
    token: OperatorToken,
    hosts: Vec<String>,
}

impl Listeners {
    /// Binds, reads certificates and the token, and says where to look.
    pub(super) fn bind(options: &LiveOptions) -> Result<Self, Error> {
        let config = &options.config.settings;
        let web = web_config(config.export.web_config.as_deref())?;
        let listener = bind("export.listen", &config.export.listen)?;
        tracing::info!(
            "public metrics on {}",
            url(listener.address(), web.tls.is_some(), "/metrics")
        );
        let public = (listener, web);

        let web = web_config(config.operator.web_config.as_deref())?;
        let listener = bind("operator.listen", &config.operator.listen)?;
        let address = listener.address();
        if !address.ip().is_loopback() && web.tls.is_none() {
            return Err(Error::new(
                Exit::Config,
                "the operator listener is open to other machines without TLS",
            )
            .at("operator.listen")
            .hint(
                "set operator.web_config to a file with tls_server_config, or listen on 127.0.0.1",
            ));
        }
        let token = OperatorToken::open(&config.state.dir).map_err(|error| {
            Error::failed(error.to_string())
                .hint("the operator token is a private file of the state directory")
        })?;
        say_where(options, address, web.tls.is_some(), &token);
        let hosts = config
            .operator
            .hosts
            .iter()
            .cloned()
            .chain([address.ip().to_string()])
            .collect();
        Ok(Self {
            public,
            operator: (listener, web),
            token,
            hosts,
        })
    }

    /// Starts both threads.
    pub(super) fn serve(
        self,
        public: &Arc<PublicSite>,
        operator: &Arc<OperatorState>,
    ) -> Result<[Server; 2], Error> {
        let (listener, web) = self.public;
        let site = Arc::<PublicSite>::clone(public);
        let exporter = start(listener, "ht-exporter", web.tls, web.credentials, site)?;
        let (listener, web) = self.operator;
        let auth = auth(web.credentials)?;
        let site = Arc::new(OperatorSite::new(
            Arc::clone(operator),
            self.token,
            self.hosts,
            auth,
        ));
        let console = start(
            listener,
            "ht-operator",
            web.tls,
            Credentials::default(),
            site,
        )?;
        Ok([exporter, console])
    }
}

/// The login link is a credential: it goes to a terminal, never into a journal.
fn say_where(options: &LiveOptions, address: SocketAddr, tls: bool, token: &OperatorToken) {
    use std::io::{IsTerminal, Write};
    let file = options.config.settings.state.dir.join(OperatorToken::FILE);
    tracing::info!(
        "operator page on {}, with the token in {}",
        url(address, tls, "/"),
        file.display()
    );
    if options.show_login || std::io::stderr().is_terminal() {
        let link = url(address, tls, &format!("/login?token={}", token.expose()));
        // Nobody reads standard error any more: then there is nobody to tell.
        drop(writeln!(std::io::stderr(), "operator page: {link}"));
    }
}

fn url(address: SocketAddr, tls: bool, path: &str) -> String {
    format!("{}://{address}{path}", if tls { "https" } else { "http" })
}

fn web_config(path: Option<&Path>) -> Result<WebConfig, Error> {
    path.map_or_else(
        || Ok(WebConfig::default()),
        |path| WebConfig::load(path).map_err(|error| Error::new(Exit::Config, error.to_string())),
    )
}

fn bind(key: &str, text: &str) -> Result<Listener, Error> {
    let address = text.parse().map_err(|_| {
        Error::new(
            Exit::Config,
            format!("`{key}`: `{text}` is no address with a port"),
        )
        .hint("for example 127.0.0.1:9843 or [::1]:9843")
    })?;
    Listener::bind(address).map_err(|error| {
        Error::failed(error.to_string()).hint(format!("`{key}` names another address"))
    })
}

fn auth(credentials: Credentials) -> Result<Auth, Error> {
    Auth::new(credentials).map_err(|_| Error::failed("the operating system gives no random bytes"))
}

fn start(
    listener: Listener,
    name: &str,
    tls: Option<Arc<rustls::ServerConfig>>,
    credentials: Credentials,
    site: Arc<dyn Site>,
) -> Result<Server, Error> {
    listener
        .serve(name, tls, auth(credentials)?, site)
        .map_err(|error| Error::failed(error.to_string()))
}
