//! From the config to each room's own settings. A room's defaults for what the user cannot choose stay its own.

use super::Config;
use crate::cleartext::http;

impl Config {
    /// Limits of the HTTP layer.
    pub fn http(&self) -> http::Limits {
        let http = &self.settings.http;
        http::Limits {
            max_head: http.max_head.as_usize(),
            max_fields: http.max_fields,
            body_limit: http.body_limit.as_usize(),
            max_pipelined: http.max_pipelined,
            ..http::Limits::default()
        }
    }
}
