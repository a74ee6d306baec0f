//! What a request asks for where the path does not say: a GraphQL operation, a gRPC or JSON-RPC method, a SOAP action.
//!
//! Names come from the wire, so they are only ever shown once enough principals have used them. Read: RFC 6455
//! (`websocket`), the GraphQL over HTTP draft, JSON-RPC 2.0, the gRPC over HTTP/2 protocol, SOAP 1.1 section 6.1.1.

use smallvec::SmallVec;

use super::path::query_of;

/// How far into a body names are looked for.
const MAX_SCAN: usize = 64 << 10;
/// How far into a body the sign of JSON-RPC is looked for.
const MAX_SIGN: usize = 512;
/// Longest name.
const MAX_NAME: usize = 120;

/// A buffer for `kind:name`.
pub(in crate::cleartext::anonymize) type Text = SmallVec<[u8; 64]>;

/// What of a request tells its operation.
pub(in crate::cleartext::anonymize) struct Asked<'a> {
    /// The target.
    pub(in crate::cleartext::anonymize) target: &'a [u8],
    /// `Content-Type`.
    pub(in crate::cleartext::anonymize) content_type: &'a [u8],
    /// `SOAPAction`.
    pub(in crate::cleartext::anonymize) soap_action: Option<&'a [u8]>,
    /// The body, where it has no content coding.
    pub(in crate::cleartext::anonymize) body: &'a [u8],
}

impl Asked<'_> {
    /// Whether this is a gRPC call (or gRPC-Web).
    pub(in crate::cleartext::anonymize) fn is_grpc(&self) -> bool {
        starts_with_ignoring_case(self.content_type, b"application/grpc")
    }

    /// The operation, if there is one.
    pub(in crate::cleartext::anonymize) fn operation(&self) -> Option<Text> {
        if self.is_grpc() {
            return named("grpc:", self.grpc_method()?);
        }
        if let Some(action) = self.soap_action.or_else(|| self.soap_action_parameter()) {
            return named("soap:", last_piece(action));
        }
        let path = self.target.split(|b| *b == b'?').next().unwrap_or_default();
        if self.body.is_empty() && path.len() == self.target.len() {
            return None;
        }
        if path.to_ascii_lowercase_contains(b"graphql") || path.ends_with(b"/gql") {
            return named("graphql:", self.graphql_name()?);
        }
        let head = self.body.get(..MAX_SIGN).unwrap_or(self.body);
        memchr::memmem::find(head, b"\"jsonrpc\"")?;
        named("jsonrpc:", json_member(self.body, b"method")?)
    }

    /// `package.Service/Method`.
    fn grpc_method(&self) -> Option<&[u8]> {
        let path = self.target.split(|b| *b == b'?').next()?;
        let name = path.strip_prefix(b"/")?;
        (memchr::memchr_iter(b'/', name).count() == 1).then_some(name)
    }

    fn graphql_name(&self) -> Option<&[u8]> {
        json_member(self.body, b"operationName")
            .filter(|name| !name.is_empty())
            .or_else(|| parameter(query_of(self.target), b"operationName"))
            .or_else(|| operation_in_query(json_member(self.body, b"query")?))
    }

    /// The `action` of `application/soap+xml` (SOAP 1.2).
    fn soap_action_parameter(&self) -> Option<&[u8]> {
        if !starts_with_ignoring_case(self.content_type, b"application/soap+xml") {
            return None;
        }
        self.content_type
            .split(|b| *b == b';')
            .find_map(|part| part.trim_ascii().strip_prefix(b"action="))
    }
}

trait AsciiContains {
    fn to_ascii_lowercase_contains(&self, word: &[u8]) -> bool;
}

impl AsciiContains for [u8] {
    fn to_ascii_lowercase_contains(&self, word: &[u8]) -> bool {
        self.windows(word.len())
            .any(|window| window.eq_ignore_ascii_case(word))
    }
}

fn starts_with_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// `kind` and a name, if it has the shape of one.
fn named(kind: &str, name: &[u8]) -> Option<Text> {
    let fit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-' | b'$');
    let shaped = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.iter().all(fit)
        && name.iter().any(u8::is_ascii_alphabetic);
    shaped.then(|| {
        let mut text = Text::from_slice(kind.as_bytes());
        text.extend_from_slice(name);
        text
    })
}

/// `"http://example.test/ns/GetPrice"` is `GetPrice`.
fn last_piece(action: &[u8]) -> &[u8] {
    let bare = action.trim_ascii();
    let bare = bare.strip_prefix(b"\"").unwrap_or(bare);
    let bare = bare.strip_suffix(b"\"").unwrap_or(bare);
    bare.rsplit(|b| matches!(b, b'/' | b'#' | b':'))
        .next()
        .unwrap_or_default()
}

/// The first value of a query parameter.
fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    query
        .split(|b| *b == b'&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// The name behind `query`, `mutation` or `subscription` at the start of a GraphQL document.
fn operation_in_query(document: &[u8]) -> Option<&[u8]> {
    let text = document.trim_ascii();
    let text = text.strip_prefix(b"\\n").unwrap_or(text).trim_ascii_start();
    let rest = [&b"query"[..], b"mutation", b"subscription"]
        .iter()
        .find_map(|word| text.strip_prefix(*word))?;
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    let end = rest
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'))
        .unwrap_or(rest.len());
    rest.get(..end)
}

/// The string value of a top-level member of a JSON object, escapes not undone. Stops at the first thing that is no JSON.
fn json_member<'a>(body: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let body = body.get(..MAX_SCAN).unwrap_or(body);
    let mut rest = body.trim_ascii_start().strip_prefix(b"{")?;
    let mut depth = 0_usize;
    let mut key: Option<&[u8]> = None;
    loop {
        let at = rest
            .iter()
            .position(|b| matches!(b, b'"' | b'{' | b'[' | b'}' | b']' | b':' | b','))?;
        let mark = rest.get(at).copied()?;
        rest = rest.get(at.checked_add(1)?..)?;
        match mark {
            b'"' => {
                let end = string_end(rest)?;
                let text = rest.get(..end)?;
                rest = rest.get(end.checked_add(1)?..)?;
                if depth == 0 {
                    let is_key = rest.trim_ascii_start().first() == Some(&b':');
                    if is_key {
                        key = Some(text);
                    } else if key == Some(wanted) {
                        return Some(text);
                    }
                }
            }
            b'{' | b'[' => depth = depth.checked_add(1)?,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            // A comma ends the member; a colon changes nothing.
            b',' if depth == 0 => key = None,
            _ => {}
        }
    }
}

/// Where the string that starts here ends.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut from = 0_usize;
    loop {
        let at = from.checked_add(memchr::memchr2(b'"', b'\\', text.get(from..)?)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at.checked_add(2)?;
    }
}

/// Reads anything without harm; called by the fuzzer.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_operation(data: &[u8]) {
    for content_type in [&b"application/json"[..], b"application/grpc", b"text/xml"] {
        let asked = Asked {
            target: data,
            content_type,
            soap_action: (content_type == b"text/xml").then_some(data),
            body: data,
        };
        if let Some(text) = asked.operation() {
            assert!(text.is_ascii() && text.len() <= MAX_NAME.saturating_add(16));
        }
    }
    let _member = json_member(data, b"method");
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn operation(target: &str, content_type: &str, body: &str) -> Option<String> {
        let asked = Asked {
            target: target.as_bytes(),
            content_type: content_type.as_bytes(),
            soap_action: None,
            body: body.as_bytes(),
        };
        asked
            .operation()
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn operations_are_found() {
        let json = "application/json";
        for (target, kind, body, name) in [
            (
                "/graphql",
                json,
                r#"{"query":"{a}","variables":{"operationName":"No"},"operationName":"GetCart"}"#,
                Some("graphql:GetCart"),
            ),
            (
                "/graphql",
                json,
                r#"{"operationName":null,"query":"mutation AddItem($a:Int){x}"}"#,
                Some("graphql:AddItem"),
            ),
            ("/api/graphql", json, r#"{"query":"{me{id}}"}"#, None),
            (
                "/graphql?operationName=GetMe&query=x",
                "",
                "",
                Some("graphql:GetMe"),
            ),
            (
                "/rpc",
                json,
                r#"{"jsonrpc":"2.0","params":{"method":"no"},"method":"eth_call","id":1}"#,
                Some("jsonrpc:eth_call"),
            ),
            ("/rpc", json, r#"{"method":"eth_call"}"#, None),
            (
                "/shop.Cart/Get",
                "application/grpc+proto",
                "",
                Some("grpc:shop.Cart/Get"),
            ),
            (
                "/x",
                "application/soap+xml; charset=utf-8; action=\"urn:GetPrice\"",
                "",
                Some("soap:GetPrice"),
            ),
            ("/rpc", json, r#"{"jsonrpc":"2.0","method":"a b"}"#, None),
            ("/v1/users", json, r#"{"name":"x"}"#, None),
        ] {
            assert_eq!(
                operation(target, kind, body).as_deref(),
                name,
                "{target} {body}"
            );
        }
    }

    #[test]
    fn soap_actions_lose_their_namespace() {
        assert_eq!(last_piece(b"\"http://a.test/ns#GetPrice\""), b"GetPrice");
        assert_eq!(last_piece(b"GetPrice"), b"GetPrice");
        assert_eq!(last_piece(b"\"\""), b"");
    }

    proptest! {
        #[test]
        fn anything_is_read_or_left(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_operation(&data);
        }

        #[test]
        fn any_json_is_read_or_left(body in "[{}\\[\\]:,\"\\\\a-d ]{0,80}") {
            fuzz_operation(body.as_bytes());
        }
    }

    #[test]
    fn mutations_of_operations() {
        let seeds: [&[u8]; 3] = [
            br#"{"operationName":"GetCart","query":"query GetCart{a}"}"#,
            br#"{"jsonrpc":"2.0","method":"eth_call","id":1}"#,
            b"/shop.Cart/Get",
        ];
        crate::cleartext::mutation::run("operation", fuzz_operation, &seeds);
    }
}
