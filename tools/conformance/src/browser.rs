//! A customer's browser, as far as a payment screen needs one: it opens a page, and submits the page's one form.

use reqwest::Client;
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use url::{Url, form_urlencoded};

use crate::call::{Answer, causes, read};
use crate::verdict::{Stop, Verdict, ensure};

/// A page and the URL that it came from.
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) answer: Answer,
}

/// A form as a browser reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HtmlForm {
    pub(crate) method: String,
    /// Empty if the form names none: then it goes to the page's own URL.
    pub(crate) action: String,
    /// The fields that go with every button.
    pub(crate) fields: Vec<(String, String)>,
    /// The buttons that submit it: name and value.
    pub(crate) buttons: Vec<(String, String)>,
}

/// Opens a URL.
pub(crate) async fn open(http: &Client, url: &str) -> Verdict<Page> {
    let parsed = Url::parse(url)
        .map_err(|error| Stop::failed("a URL", format!("{error} in the address of a page")))?;
    let answer = read(http.get(parsed.clone()))
        .await
        .map_err(|error| no_page(&error))?;
    Ok(Page {
        url: parsed,
        answer,
    })
}

fn no_page(error: &reqwest::Error) -> Stop {
    Stop::failed("an answer for the customer's browser", causes(error))
}

impl Page {
    /// Whether something can be posted.
    pub(crate) fn has_form(&self) -> bool {
        let mut forms = forms(&self.answer.text).into_iter();
        forms.any(|form| form.method == "post")
    }

    /// The page's only form that is posted.
    pub(crate) fn form(&self) -> Verdict<HtmlForm> {
        let mut forms = forms(&self.answer.text);
        forms.retain(|form| form.method == "post");
        let count = forms.len();
        let expected = "exactly one <form method=\"post\">";
        if let (Some(form), 1) = (forms.pop(), count) {
            return Ok(form);
        }
        let found = format!("{count} of them on a page with HTTP {}", self.answer.status);
        Err(Stop::failed(expected, found))
    }

    /// The cookies that came with the page, as they go back with its form.
    fn cookies(&self) -> Option<HeaderValue> {
        let set = self.answer.headers.get_all(SET_COOKIE).iter();
        let pairs = set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let pairs: Vec<&str> = pairs.map(str::trim).collect();
        let cookies = pairs.join("; ").parse().ok()?;
        (!pairs.is_empty()).then_some(cookies)
    }

    /// Clicks a button of the form, by its value.
    pub(crate) async fn submit(
        &self,
        http: &Client,
        form: &HtmlForm,
        button: &str,
    ) -> Verdict<Answer> {
        let wanted = ("action".to_owned(), button.to_owned());
        ensure(
            form.buttons.contains(&wanted),
            format!("a submit button with name=\"action\" value=\"{button}\""),
            || format!("the buttons {:?}", form.buttons),
        )?;
        self.post(http, form, Some(button)).await
    }

    /// Posts the form with any `action`, or without one, as a customer can who writes the request by hand.
    pub(crate) async fn post(
        &self,
        http: &Client,
        form: &HtmlForm,
        action: Option<&str>,
    ) -> Verdict<Answer> {
        let target = if form.action.is_empty() {
            Ok(self.url.clone())
        } else {
            self.url.join(&form.action)
        };
        let target =
            target.map_err(|error| Stop::failed("an action that is a URL", format!("{error}")))?;
        let same = target.origin() == self.url.origin();
        ensure(same, "a form that goes to the screen's own host", || {
            format!("an action at {}", target.origin().ascii_serialization())
        })?;
        let fields = form.fields.iter().map(|(name, value)| (&**name, &**value));
        let pairs = fields.chain(action.map(|action| ("action", action)));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert("content-type", kind);
        if let Ok(origin) = self.url.origin().ascii_serialization().parse() {
            headers.insert("origin", origin);
        }
        headers.extend(self.cookies().map(|cookies| (COOKIE, cookies)));
        let request = http.post(target).headers(headers).body(body);
        read(request).await.map_err(|error| no_page(&error))
    }
}

/// The forms of a page. It reads tags as a browser does where a payment screen needs it, and is no full reader of HTML.
fn forms(html: &str) -> Vec<HtmlForm> {
    let mut forms: Vec<HtmlForm> = Vec::new();
    let mut open = false;
    for tag in tags(html) {
        let get = |name: &str| tag.get(name).map(str::to_owned);
        let text = |name: &str| get(name).unwrap_or_default();
        match tag.name.as_str() {
            "form" => {
                open = true;
                forms.push(HtmlForm {
                    method: get("method")
                        .unwrap_or_else(|| "get".to_owned())
                        .to_lowercase(),
                    action: text("action"),
                    ..HtmlForm::default()
                });
            }
            "/form" => open = false,
            "input" | "button" if open && get("disabled").is_none() => {
                let kind = get("type").unwrap_or_default().to_lowercase();
                let submits = kind == "submit" || (tag.name == "button" && kind.is_empty());
                let sent = !matches!(kind.as_str(), "button" | "reset" | "image");
                let pair = (text("name"), text("value"));
                if let Some(form) = forms.last_mut().filter(|_| sent && !pair.0.is_empty()) {
                    if submits {
                        form.buttons.push(pair);
                    } else {
                        form.fields.push(pair);
                    }
                }
            }
            _ => {}
        }
    }
    forms
}

pub(crate) struct Tag {
    /// In small letters, with a slash before an end: `form`, `/form`.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(found, _)| found == name);
        found.map(|(_, value)| &**value)
    }

    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        let found = self.get(name);
        found.is_some_and(|found| found.eq_ignore_ascii_case(value))
    }
}

fn tags(html: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        // What stands in a comment or a script is no tag.
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = tag(after);
        let raw = matches!(tag.name.as_str(), "script" | "style");
        rest = if raw {
            let end = format!("</{}", tag.name);
            after.split_once(&end).map_or("", |(_, after)| after)
        } else {
            after
        };
        tags.push(tag);
    }
    tags
}

/// Reads a tag after its `<`, and returns what follows it.
pub(crate) fn tag(text: &str) -> (Tag, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '>');
    let (name, mut rest) = text.split_at(end.unwrap_or(text.len()));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            break;
        }
        if let Some(after) = rest.strip_prefix('>') {
            rest = after;
            break;
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'));
        // A stray `=` is a name of its own, so that each turn reads something.
        let (attribute, after) = rest.split_at(end.unwrap_or(rest.len()).max(1));
        let (value, after) = value(after);
        attributes.push((attribute.to_lowercase(), value));
        rest = after;
    }
    let name = name.trim_end_matches('/').to_lowercase();
    (Tag { name, attributes }, rest)
}

/// Reads `="value"` of an attribute, if it follows.
fn value(text: &str) -> (String, &str) {
    let Some(after) = text.trim_start().strip_prefix('=') else {
        return (String::new(), text);
    };
    let after = after.trim_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = after.strip_prefix(quote) {
            let (value, rest) = quoted.split_once(quote).unwrap_or((quoted, ""));
            return (unescaped(value), rest);
        }
    }
    let end = after.find(|c: char| c.is_whitespace() || c == '>');
    let (value, rest) = after.split_at(end.unwrap_or(after.len()));
    (unescaped(value), rest)
}

/// Resolves the references that templates write: `&amp;`, `&#38;`, `&#x26;` and the like.
pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').and_then(|(name, after)| {
            let number = name.strip_prefix('#');
            let character = match (name, number) {
                ("amp", _) => Some('&'),
                ("lt", _) => Some('<'),
                ("gt", _) => Some('>'),
                ("quot", _) => Some('"'),
                ("apos", _) => Some('\''),
                ("nbsp", _) => Some('\u{a0}'),
                (_, Some(digits)) => {
                    let hex = digits.strip_prefix(['x', 'X']);
                    let code = hex.map_or_else(
                        || digits.parse().ok(),
                        |hex| u32::from_str_radix(hex, 16).ok(),
                    );
                    code.and_then(char::from_u32)
                }
                _ => None,
            };
            Some((character?, after))
        });
        let (character, after) = reference.unwrap_or(('&', after));
        out.push(character);
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_reads_it() {
        let html = r#"<!doctype html><!-- <form method=post> --><script>"<form>"</script>
            <FORM METHOD='POST' action="/pay?a=1&amp;b=2"><input type=hidden name=query value="x&#x3d;&quot;y">
            <input type="hidden" name="csrf" value='t'/><button name="action" value="pay">Pay</button>
            <button type=submit name=action value=cancel disabled>C</button><button type="button" name=no>N</button></FORM>
            <form><input name=q></form>"#;
        let found = forms(html);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            HtmlForm {
                method: "post".to_owned(),
                action: "/pay?a=1&b=2".to_owned(),
                fields: vec![pair("query", "x=\"y"), pair("csrf", "t")],
                buttons: vec![pair("action", "pay")],
            }
        );
        assert_eq!(found[1].method, "get");
    }

    #[test]
    fn no_page_hangs_or_panics() {
        for html in [
            "<",
            "<form",
            "<form =",
            "<form a='",
            "&#xD800;<input value=&amp",
            "<!--",
            "<script",
            "<a =\"x\" ==>",
        ] {
            let _ = forms(html);
            let _ = unescaped(html);
        }
    }
}
