//! The pages in `docs/` are what the generator makes, and the page to send loads nothing.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::path::Path;

use contract::handover::{Environment, Handover, Kind};
use contract::{Document, Lang, OPENAPI};

const PAGES: [(Lang, &str); 2] = [
    (Lang::En, "docs/handover.md"),
    (Lang::Vi, "docs/vi/handover.md"),
];

fn with<T>(environments: &[Environment], make: impl FnOnce(Handover<'_>) -> T) -> T {
    let document = Document::read(OPENAPI).unwrap();
    make(Handover {
        document: &document,
        environments,
    })
}

#[test]
fn the_pages_of_the_documentation_are_as_generated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (lang, file) in PAGES {
        let made = with(&Environment::examples(), |handover| {
            handover.page_of_docs(lang).unwrap()
        });
        let path = root.join(file);
        if std::env::var_os("REWRITE_HANDOVER").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let command = "REWRITE_HANDOVER=1 cargo test -p contract";
        assert!(there == made, "{file} is not as generated: {command}");
    }
}

#[test]
fn both_languages_have_the_same_slots_and_sections() {
    let shape = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| {
            let first = line.split(' ').next().unwrap_or_default();
            if line.starts_with("{{") {
                return Some(line.to_owned());
            }
            let counts = first.starts_with('#') || matches!(first, "|" | "-");
            counts.then(|| first.to_owned())
        });
        lines.collect()
    };
    let vi = include_str!("../handover/vi.md");
    let en = include_str!("../handover/en.md");
    assert_eq!(shape(vi), shape(en));
}

#[test]
fn the_page_loads_nothing_and_has_the_addresses_of_the_stack() {
    let page = with(&Environment::examples(), |handover| {
        handover.html(&Lang::ALL).unwrap()
    });
    for address in [
        "https://payments.example-bank.vn/tikivip/v1/refunds",
        "https://payments-test.example-bank.vn/tikivip/v1/refunds",
    ] {
        assert!(page.contains(address), "{address}");
    }
    for loads in [
        "<script", "<link", "<img", "src=", "url('", "url(\"", "url(http", "@import",
    ] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert!(!page.contains("{{"));
    assert!(page.contains(r##"<a href="#vi-9">"##) && page.contains(r#"<h2 id="vi-9">"#));
}

#[test]
fn an_environment_that_is_not_known_is_left_blank() {
    let [sandbox, _] = Environment::examples();
    let both = Environment::both(vec![sandbox]);
    let text = with(&both, |handover| handover.markdown(Lang::Vi).unwrap());
    assert!(text.contains("https://payments-test.example-bank.vn/tikivip/v1/refunds` | …"));
    assert!(!text.contains("https://payments.example-bank.vn/tikivip"));
}

/// The settings of a stack, with one of them changed.
fn stack_with(name: &str, value: &str) -> impl Fn(&str) -> Option<String> {
    let mut settings = BTreeMap::from([
        ("TIKI_ENVIRONMENT", "production"),
        ("API_URL", "https://pay.example.vn/live/"),
        ("TIKI_CLIENT_ID", "client"),
        ("TIKI_API_URL", "https://api.tiki.vn/miniapp/tikivip/"),
        ("MIN_AMOUNT_VND", "2000"),
        ("MAX_AMOUNT_VND", "9000000"),
        ("TIKI_THROTTLE_RATE", "50"),
        ("TIKI_THROTTLE_BURST", "80"),
        ("REFUND_CONCURRENCY", "20"),
        ("SIGNATURE_MAX_AGE_S", "300"),
        ("SIGNATURE_MAX_AHEAD_S", "60"),
        ("PREVIOUS_SECRET_DAYS", "21"),
        ("TIKI_GET_SIGNING", "relative_path"),
        ("TIKI_PHONE_FORMAT", "string"),
        ("PARTNER_NAME", "acme"),
        ("REDIRECT_HOSTS", "shop.example.vn, m.example.vn"),
        ("RESULT_URL_APPEND", "tiki_transaction_id"),
        ("RESULT_URL_PARAMETER", "orderId"),
        ("REVERSAL_CONFIRM_AFTER_S", "300"),
        ("RECONCILIATION_REFUND_ROWS", "off"),
        ("SFTP_HOST", "sftp.tiki.vn"),
        ("SFTP_PORT", "22"),
        ("SFTP_USER", "acme"),
        ("SFTP_FOLDER", "/IF_TIKI_VIP"),
    ]);
    settings.insert(name, value);
    let own = settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings: BTreeMap<String, String> = own.collect();
    move |name| settings.get(name).cloned()
}

#[test]
fn a_stack_is_read_with_its_own_values() {
    let environment = Environment::of_settings(stack_with("SFTP_HOST", "")).unwrap();
    assert_eq!(environment.kind, Kind::Production);
    assert_eq!(environment.stack.as_ref().unwrap().file_server, None);
    let both = Environment::both(vec![environment]);
    let text = with(&both, |handover| handover.markdown(Lang::En).unwrap());
    for part in [
        "`POST https://pay.example.vn/live/tikivip/v1/refunds`",
        "2,000 VND",
        "9,000,000 VND",
        // What we do until Tiki has answered a question is a setting, too.
        "`tiki.vn`, `beta.tala.xyz`, `shop.example.vn`, `m.example.vn`",
        "`orderId` = `tiki_transaction_id`",
        "| 300 seconds |",
        "| 21 |",
        "`/live/tikivip/v1/transactions?",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

fn assert_refused(rows: &[(&str, &str, &str)]) {
    for (name, value, problem) in rows {
        let refused = Environment::of_settings(stack_with(name, value)).unwrap_err();
        assert_eq!(refused.name, *name, "{value:?}");
        assert!(refused.problem.starts_with(problem), "{value:?}: {refused}");
    }
}

#[test]
fn a_setting_that_is_missing_or_no_plain_text_is_named() {
    assert_refused(&[
        ("API_URL", "", "is missing"),
        ("API_URL", "javascript://pay.example.vn/", "is not an http"),
        ("API_URL", "https:pay.example.vn", "is not an http"),
        (
            "API_URL",
            "https://user:key@pay.example.vn",
            "is not an http",
        ),
        ("API_URL", "https://pay.example.vn/?a=1", "is not an http"),
        ("TIKI_API_URL", "api.tiki.vn", "is not an http"),
        ("PUBLIC_BASE_URL", "ftp://pay.example.vn", "is not an http"),
        ("TIKI_CLIENT_ID", "a\nb", "has a blank"),
        ("TIKI_CLIENT_ID", "a`b", "has a blank"),
        ("PARTNER_NAME", "acme\u{202e}", "has a blank"),
        ("REDIRECT_HOSTS", "shop.example.vn,<b>", "has a blank"),
        ("RESULT_URL_PARAMETER", "", "is missing"),
        ("RESULT_URL_APPEND", "", "is missing"),
        ("REVERSAL_CONFIRM_AFTER_S", "", "is missing"),
        ("RECONCILIATION_REFUND_ROWS", "", "is missing"),
    ]);
}

#[test]
fn a_setting_that_no_stack_can_have_is_refused() {
    let (two_to_60, long) = ((1_u64 << 60).to_string(), "a".repeat(41));
    assert_refused(&[
        ("TIKI_ENVIRONMENT", "live", "must be sandbox or production"),
        ("MIN_AMOUNT_VND", "9000001", "is more than MAX_AMOUNT_VND"),
        ("MIN_AMOUNT_VND", "0", "must be more than zero"),
        ("MIN_AMOUNT_VND", "1.000", "as a text must be digits"),
        ("MAX_AMOUNT_VND", &two_to_60, "is too large"),
        ("MAX_AMOUNT_VND", "-1", "must be more than zero"),
        (
            "TIKI_GET_SIGNING",
            "foo",
            "must be relative_path, full_path",
        ),
        ("TIKI_PHONE_FORMAT", "text", "must be national_number"),
        ("SIGNATURE_MAX_AGE_S", "0", "must be a whole number, 1 or"),
        ("SIGNATURE_MAX_AGE_S", "18446744073709551615", "must be"),
        ("SIGNATURE_MAX_AHEAD_S", "-1", "must be a whole number, 0"),
        ("PREVIOUS_SECRET_DAYS", "0", "must be a whole number from 1"),
        ("PREVIOUS_SECRET_DAYS", "366", "must be a whole number from"),
        ("TIKI_THROTTLE_RATE", "0", "must be a whole number, 1 or"),
        ("TIKI_THROTTLE_BURST", "+1", "must be a whole number, 1 or"),
        ("REFUND_CONCURRENCY", "1", "must be a whole number, 2 or"),
        ("RECONCILIATION_REFUND_ROWS", "maybe", "must be off or on"),
        ("RESULT_URL_APPEND", "id", "must be transaction_id or tiki_"),
        ("RESULT_URL_PARAMETER", "a&b", "must have only"),
        ("RESULT_URL_PARAMETER", "abcdefghijklmnopq", "must have at"),
        ("REVERSAL_CONFIRM_AFTER_S", "soon", "must be a number of"),
        ("REVERSAL_CONFIRM_AFTER_S", "inf", "must be a number of"),
        ("PARTNER_NAME", "-acme", "must be 1 to 32 letters"),
        ("TIKI_CLIENT_ID", &long, "must have at most 40"),
        ("TIKI_API_URL", "http://api.tiki.vn", "must be an https"),
        ("PUBLIC_BASE_URL", "http://pay.vn", "must be an https"),
        ("REDIRECT_HOSTS", "shop.vn/path", "must be hosts"),
        ("REDIRECT_HOSTS", "ftp://shop.vn", "must be hosts"),
        ("SFTP_HOST", "sftp_1", "must be a host's name"),
        ("SFTP_PORT", "65536", "must be a whole number from 1 to"),
        ("SFTP_PORT", "0", "must be a whole number from 1 to 65535"),
    ]);
}

#[test]
fn a_page_of_a_sandbox_says_that_it_is_not_to_be_sent() {
    const WARNINGS: [&str; 2] = ["Không gửi cho Tiki.", "Do not send it to Tiki."];
    for (name, value, is_rehearsal) in [
        ("API_URL", "http://127.0.0.1:8080", true),
        ("API_URL", "http://sandbox:8080", true),
        ("API_URL", "https://localhost:8443", true),
        ("TIKI_API_URL", "http://127.0.0.1:8081/tiki", true),
        ("PUBLIC_BASE_URL", "http://[::1]:8080", true),
        ("API_URL", "https://pay.example.vn", false),
    ] {
        let known = Environment::of_settings(stack_with(name, value)).unwrap();
        let both = Environment::both(vec![known]);
        let html = with(&both, |handover| handover.html(&Lang::ALL).unwrap());
        let text = with(&both, |handover| handover.markdown_of(&Lang::ALL).unwrap());
        for warning in WARNINGS {
            assert_eq!(html.contains(warning), is_rehearsal, "{value}");
            assert_eq!(text.contains(warning), is_rehearsal, "{value}");
        }
    }
}
