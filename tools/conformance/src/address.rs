//! The addresses that a kit is given. They stand in reports, so they have no user and no password.

use anyhow::{Context, bail};
use url::Url;

/// The address of an API: `http` or `https`, without user, query and fragment. It comes without a slash at its end.
pub fn api_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(is_web)?;
    // What a browser reads as an address, as `https:pay.example.vn` or `https:///pay.example.vn`, is not one for others.
    let (_, after) = text.split_once("://")?;
    let begins_with_host = !after.starts_with(['/', '\\', '@']);
    let is_base = url.query().is_none() && url.fragment().is_none();
    (is_base && begins_with_host).then(|| text.trim_end_matches('/').to_owned())
}

fn is_web(url: &Url) -> bool {
    ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
}

/// The same, for an option of a command.
pub(crate) fn api_option(option: &str, text: &str) -> anyhow::Result<String> {
    let problem = "must be an http or https address without user, query and fragment";
    api_address(text).with_context(|| format!("{option} {problem}"))
}

/// The address of a page, which may have a query.
pub(crate) fn page_option(option: &str, text: &str) -> anyhow::Result<Url> {
    match Url::parse(text).ok().filter(is_web) {
        Some(url) if url.fragment().is_none() => Ok(url),
        _ => bail!("{option} must be an http or https address without user and fragment"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_user_and_nothing_after_its_path() {
        for (text, read) in [
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
            (
                "https://core.example.vn/tikivip/",
                "https://core.example.vn/tikivip",
            ),
            ("https://[::1]:9000", "https://[::1]:9000"),
        ] {
            assert_eq!(api_address(text).as_deref(), Some(read));
            assert!(page_option("--screen-url", text).is_ok());
        }
        for text in [
            "",
            "core.example.vn",
            "ftp://core.example.vn",
            "https:core.example.vn",
            "https:///core.example.vn",
            "https://@core.example.vn",
            "https://user@core.example.vn",
            "https://user:password@core.example.vn",
            "https://:password@core.example.vn",
            "https://core.example.vn/?x",
            "https://core.example.vn/#f",
            "file:///etc",
            "http://",
        ] {
            assert_eq!(api_address(text), None, "{text}");
            let error = api_option("--core-url", text).unwrap_err().to_string();
            assert!(error.starts_with("--core-url must be") && !error.contains("password"));
        }
        assert!(page_option("--screen-url", "https://core.example.vn/pay?lang=vi").is_ok());
        assert!(page_option("--screen-url", "https://core.example.vn/pay#top").is_err());
        assert!(page_option("--screen-url", "https://:p@core.example.vn/pay").is_err());
    }
}
