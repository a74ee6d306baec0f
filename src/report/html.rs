//! The report as one page: everything the JSON report has, for reading. No script, nothing loaded from anywhere.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::View;
use super::table::{grouped, printable};

/// Longest list of rows that is shown open.
const OPEN_ROWS: usize = 200;

const STYLE: &str = "
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:90rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #8885}
nav a{margin-right:.8rem;white-space:nowrap}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:.2rem .7rem .2rem 0;border-bottom:1px solid #8883}
th{font-weight:600;white-space:nowrap}
td.n{text-align:right;font-variant-numeric:tabular-nums}
ul{margin:0;padding-left:1.2rem}
.none{opacity:.6}
";

/// The page.
pub(super) fn render(view: &View) -> String {
    let json = super::json(view);
    // It was written by the same program a moment ago.
    let report: Node = serde_json::from_str(&json).unwrap_or(Node::Null);
    let Node::Map(sections) = report else {
        return String::new();
    };
    let mut out = Page::default();
    out.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    out.raw("<meta name=\"viewport\" content=\"width=device-width\">\n<title>hushtap report</title>\n<style>");
    out.raw(STYLE);
    out.raw("</style>\n</head>\n<body>\n<h1>hushtap report</h1>\n<nav>");
    // Single numbers go together, first.
    let (totals, mut sections): (Vec<_>, Vec<_>) = sections
        .into_iter()
        .partition(|(_, value)| value.is_number());
    sections.insert(0, ("totals".to_owned(), Node::Map(totals)));
    for (key, _) in &sections {
        let link = format!("<a href=\"#{}\">{}</a>\n", escaped(key), title(key));
        out.raw(&link);
    }
    out.raw("</nav>\n");
    for (key, value) in &sections {
        let head = format!("<h2 id=\"{}\">{}</h2>\n", escaped(key), title(key));
        out.raw(&head);
        out.value(value);
        out.raw("\n");
    }
    out.raw("</body>\n</html>\n");
    out.0
}

/// The report, keys in the order in which they were written.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Count(u64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of the report")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Count(value))
    }

    #[allow(clippy::cast_precision_loss, reason = "shown to people")]
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Float(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = seq.next_element()? {
            list.push(one);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl Node {
    /// Neither a list nor a map.
    const fn is_plain(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_))
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Float(_))
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn text(&mut self, text: &str) {
        let text = escaped(text);
        self.0.push_str(&text);
    }

    fn value(&mut self, value: &Node) {
        match value {
            Node::Null => self.raw("<span class=\"none\">none</span>"),
            Node::Bool(yes) => self.raw(if *yes { "yes" } else { "no" }),
            Node::Count(count) => self.raw(&grouped(*count)),
            Node::Float(number) => write!(self.0, "{number}").unwrap_or_default(),
            Node::Text(text) => self.text(text),
            Node::List(list) if list.is_empty() => self.value(&Node::Null),
            Node::Map(fields) if fields.is_empty() => self.value(&Node::Null),
            Node::List(list) => self.list(list),
            Node::Map(fields) => self.map(fields),
        }
    }

    /// Objects become the rows of a table, anything else a list.
    fn list(&mut self, list: &[Node]) {
        if list.len() > OPEN_ROWS {
            let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
            let summary = format!("<details><summary>{} rows</summary>", grouped(count));
            self.raw(&summary);
        }
        let columns = columns(list);
        if columns.is_empty() {
            self.raw("<ul>");
            for one in list {
                self.raw("<li>");
                self.value(one);
                self.raw("</li>");
            }
            self.raw("</ul>");
        } else {
            self.rows(list, &columns);
        }
        if list.len() > OPEN_ROWS {
            self.raw("</details>");
        }
    }

    fn rows(&mut self, list: &[Node], columns: &[&str]) {
        self.raw("<div class=\"wide\"><table><thead><tr>");
        for column in columns {
            self.raw("<th>");
            self.raw(&title(column));
            self.raw("</th>");
        }
        self.raw("</tr></thead><tbody>\n");
        for row in list {
            self.raw("<tr>");
            for column in columns {
                let cell = if let Node::Map(fields) = row {
                    fields.iter().find(|(key, _)| key == column)
                } else {
                    None
                };
                let cell = cell.map(|(_, value)| value);
                self.cell(cell.unwrap_or(&Node::Text(String::new())));
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>");
    }

    /// Within a table maps are written in one line.
    fn cell(&mut self, value: &Node) {
        self.raw(if value.is_number() {
            "<td class=\"n\">"
        } else {
            "<td>"
        });
        if let Node::Map(fields) = value
            && fields.iter().all(|(_, one)| one.is_plain())
        {
            for (at, (key, value)) in fields.iter().enumerate() {
                self.raw(if at > 0 { ", " } else { "" });
                self.text(key);
                self.raw("&nbsp;");
                self.value(value);
            }
        } else if !matches!(value, Node::Null) {
            self.value(value);
        }
        self.raw("</td>");
    }

    fn map(&mut self, fields: &[(String, Node)]) {
        self.raw("<div class=\"wide\"><table><tbody>\n");
        for (key, value) in fields {
            self.raw("<tr><th>");
            self.text(key);
            self.raw("</th>");
            self.raw(if value.is_number() {
                "<td class=\"n\">"
            } else {
                "<td>"
            });
            self.value(value);
            self.raw("</td></tr>\n");
        }
        self.raw("</tbody></table></div>");
    }
}

/// The keys of all objects of a list, in the order in which they come.
fn columns(list: &[Node]) -> Vec<&str> {
    let mut columns = Vec::new();
    for row in list {
        let Node::Map(fields) = row else {
            return Vec::new();
        };
        for (key, _) in fields {
            if !columns.contains(&key.as_str()) {
                columns.push(key);
            }
        }
    }
    columns
}

/// A key in words.
fn title(key: &str) -> String {
    escaped(&key.replace('_', " "))
}

/// Text that cannot be markup, without control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_stays_text() {
        let mut page = Page::default();
        let script = "<script>alert('1')</script>".to_owned();
        let row = Node::Map(vec![(script.clone(), Node::Text(script.clone()))]);
        page.value(&Node::List(vec![row]));
        page.value(&Node::Map(vec![(
            script.clone(),
            Node::List(vec![Node::Text(script)]),
        )]));
        assert!(!page.0.contains("<script"), "{}", page.0);
        assert!(page.0.contains("&lt;script&gt;alert(&#39;1&#39;)"));
    }

    #[test]
    fn objects_become_rows_with_all_their_keys() {
        let object = |key: &str, n| Node::Map(vec![(key.to_owned(), Node::Count(n))]);
        let mut page = Page::default();
        page.value(&Node::List(vec![
            object("first_one", 1_234),
            object("two", 2),
        ]));
        assert!(page.0.contains("<th>first one</th><th>two</th>"));
        assert!(page.0.contains("<td class=\"n\">1,234</td><td></td>"));
    }
}
