//! Bodies that are `multipart/form-data` (RFC 7578, RFC 2046 section 5.1): each part is a field under the name it carries.
//!
//! Masking reads such a body as generously as it can, so that nothing gets past it. Here it is the other way round: what is
//! not written as the RFC has it, is not closed, or has a name in another coding makes the whole body say nothing. The
//! values of files, of parts that are no plain text, and of text that is JSON without saying so are left out.

use memchr::memmem;

use super::form::Form;
use super::parameters::MAX_PARAMETERS;

/// The media type.
pub(super) const MEDIA: &str = "multipart/form-data";
/// Longest boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// Longest head of a part (bytes).
const MAX_HEAD: usize = 4_096;
/// Names the charset of the others (RFC 7578 section 4.6): no field of the API.
const CHARSET: &[u8] = b"_charset_";

/// The fields of a body; of one with as many parts as are read at most there may be more.
pub(super) fn read(content_type: &[u8], body: &[u8]) -> Option<Form> {
    let boundary = parameter(content_type, b"boundary")?;
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return None;
    }
    let delimiter = [b"\r\n--", boundary].concat();
    let finder = memmem::Finder::new(&delimiter);
    // The first may stand at the very beginning, without a line before it.
    let mut rest = match body.strip_prefix(delimiter.get(2..)?) {
        Some(rest) => rest,
        None => behind(body, finder.find(body)?, delimiter.len())?,
    };
    let mut form = Form::new();
    while form.len() < MAX_PARAMETERS {
        if rest.starts_with(b"--") {
            return Some(form);
        }
        let line = rest.trim_ascii_start().len();
        let padding = rest.len().saturating_sub(line);
        // White space may fill the line; what else stands behind a delimiter is no delimiter.
        let head = rest.get(..padding)?;
        let (blank, text) = (memmem::find(head, b"\r\n")?, rest);
        let part = text.get(blank.saturating_add(2)..)?;
        let end = finder.find(part)?;
        let field = field(part.get(..end)?)?;
        if field.0 != CHARSET {
            form.push(field);
        }
        rest = behind(part, end, delimiter.len())?;
    }
    Some(form)
}

fn behind(text: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    text.get(at.saturating_add(len)..)
}

/// Name and value of a part; the value is empty where it is not to be looked at.
fn field(part: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let head = part.get(..part.len().min(MAX_HEAD)).unwrap_or_default();
    let at = memmem::find(head, b"\r\n\r\n")?;
    let (head, value) = (head.get(..at)?, behind(part, at, 4)?);
    let line = |wanted: &[u8]| {
        let lines = head.split(|b| *b == b'\n');
        let mut pairs = lines.filter_map(|line| line.split_at_checked(memchr::memchr(b':', line)?));
        let found = pairs.find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| Some(value.get(1..)?.trim_ascii()))
    };
    let disposition = line(b"content-disposition")?;
    let name = parameter(disposition, b"name")?;
    // Escapes are written in several ways.
    let is_plain = !name.contains(&b'%') && !name.contains(&b'\\');
    if !is_plain || name.is_empty() || std::str::from_utf8(name).is_err() {
        return None;
    }
    let is_file = [&b"filename"[..], b"filename*"]
        .iter()
        .any(|wanted| parameter(disposition, wanted).is_some());
    let is_text = line(b"content-type").is_none_or(is_plain_text);
    let is_as_is = line(b"content-transfer-encoding").is_none_or(|coding| {
        let same: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
        same.iter().any(|one| coding.eq_ignore_ascii_case(one))
    });
    let is_json = matches!(value.trim_ascii_start().first(), Some(b'[' | b'{' | b'"'));
    let looked_at = !is_file && is_text && is_as_is && !is_json;
    let value = if looked_at { value } else { &[] };
    Some((name.to_vec(), value.to_vec()))
}

/// Text in UTF-8, as far as it says.
fn is_plain_text(content_type: &[u8]) -> bool {
    let media = content_type.split(|b| *b == b';').next();
    let charset = parameter(content_type, b"charset");
    let is_utf8 = charset.is_none_or(|charset| {
        charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"us-ascii")
    });
    is_utf8 && media.is_some_and(|media| media.trim_ascii().eq_ignore_ascii_case(b"text/plain"))
}

/// A parameter of a field, quotes taken off (RFC 2045 section 5.1).
fn parameter<'a>(field: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut rest = field;
    loop {
        rest = behind(rest, memchr::memchr(b';', rest)?, 1)?;
        let equals = memchr::memchr2(b'=', b';', rest)?;
        let (name, after) = rest.split_at_checked(equals)?;
        let Some(after) = after.strip_prefix(b"=") else {
            continue;
        };
        let after = after.trim_ascii_start();
        let value = if let Some(quoted) = after.strip_prefix(b"\"") {
            let (value, behind) = quoted.split_at_checked(memchr::memchr(b'"', quoted)?)?;
            rest = behind;
            value
        } else {
            let end = memchr::memchr(b';', after).unwrap_or(after.len());
            let (value, behind) = after.split_at_checked(end)?;
            rest = behind;
            value.trim_ascii()
        };
        if name.trim_ascii().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; charset=utf-8; boundary=\"b 1\"";

    fn fields(body: &str) -> Option<Vec<(String, String)>> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let form = read(TYPE, body.as_bytes())?;
        let pairs = form.into_iter();
        Some(
            pairs
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        )
    }

    fn part(head: &str, value: &str) -> String {
        format!("--b 1\r\n{head}\r\n\r\n{value}\r\n--b 1--\r\n")
    }

    #[test]
    fn parts_are_fields() {
        let body = "--b 1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\ny\r\n\
            --b 1 \t\r\ncontent-disposition:form-data;filename=\"a;name=b\";name=c\r\nContent-Type: text/plain\r\n\r\nz\r\n\
            --b 1\r\nContent-Disposition: form-data; name=\"_charset_\"\r\n\r\nutf-8\r\n\
            --b 1\r\nContent-Disposition: form-data; name=d\r\n\r\n\r\n--b 1--\r\nepilogue";
        let expected = [("a", "x\r\ny"), ("c", ""), ("d", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields(body).unwrap(), expected);
        assert_eq!(fields(&format!("preamble\r\n{body}")).unwrap(), expected);
        assert_eq!(fields("--b 1--\r\n").unwrap(), []);
    }

    #[test]
    fn only_plain_text_has_a_value() {
        let head = "Content-Disposition: form-data; name=a";
        for (more, value, seen) in [
            ("", "x", true),
            ("\r\nContent-Type: text/plain; charset=UTF-8", "x", true),
            ("\r\nContent-Type: text/plain; charset=utf-16", "x", false),
            ("\r\nContent-Type: application/json", "1", false),
            ("\r\nContent-Transfer-Encoding: base64", "eA==", false),
            ("\r\nContent-Transfer-Encoding: 8bit", "x", true),
            ("; filename=x", "x", false),
            ("; filename*=utf-8''x", "x", false),
            ("", " [1,2]", false),
        ] {
            let found = fields(&part(&format!("{head}{more}"), value)).unwrap();
            let value = if seen { value } else { "" };
            assert_eq!(found, [("a".to_owned(), value.to_owned())], "{more}");
        }
    }

    #[test]
    fn what_is_not_as_the_rfc_has_it_says_nothing() {
        let sound = part("Content-Disposition: form-data; name=a", "x");
        assert!(fields(&sound).is_some());
        for cut in 0..sound.len() - 4 {
            assert_eq!(fields(&sound[..cut]), None, "{cut}");
        }
        for body in [
            sound.replace("\r\n", "\n"),
            sound.replace("b 1--", "b 12--"),
            sound.replace("b 1\r", "b 1x\r"),
            sound.replace("name=a", "name*=utf-8''a"),
            sound.replace("name=a", "name=\"a%22\""),
            sound.replace("name=a", "name=\"a\\\"b\""),
            sound.replace("name=a", "name="),
            sound.replace("Disposition", "Position"),
            sound.replace("name=a", &format!("name=a; x={}", "y".repeat(MAX_HEAD))),
        ] {
            assert_eq!(fields(&body), None, "{body}");
        }
        for kind in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary",
        ] {
            assert!(read(kind.as_bytes(), sound.as_bytes()).is_none(), "{kind}");
        }
    }

    #[test]
    fn of_many_parts_the_first_are_read() {
        let one = "--b 1\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
        assert_eq!(fields(&one.repeat(1_000)).unwrap().len(), MAX_PARAMETERS);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in proptest::collection::vec(("[a-z_]{1,8}", "[ -Z^-z\r\n\u{e4}]{0,12}"), 0..6), quoted in any::<bool>(),
        ) {
            let quote = if quoted { "\"" } else { "" };
            let parts = pairs.iter().map(|(name, value)| {
                format!("--b 1\r\nContent-Disposition: form-data; name={quote}{name}{quote}\r\n\r\n{value}\r\n")
            });
            let body = parts.collect::<String>() + "--b 1--\r\n";
            prop_assume!(!pairs.iter().any(|(name, value)| name == "_charset_" || value.contains("--b") || value.trim_start().starts_with('"')));
            prop_assert_eq!(fields(&body), Some(pairs));
        }
    }
}
