//! The page to send: Markdown as HTML, with a table of contents.

use askama::Template;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::HandoverError;
use crate::Lang;

#[derive(Template)]
#[template(path = "handover.html")]
struct Page {
    title: String,
    lang: Lang,
    parts: Vec<Part>,
}

/// The text of one language.
struct Part {
    lang: Lang,
    title: String,
    /// The sections: anchor and title.
    sections: Vec<(String, String)>,
    html: String,
}

pub(super) fn html(texts: &[(Lang, String)]) -> Result<String, HandoverError> {
    let parts: Vec<Part> = texts.iter().map(|(lang, text)| part(*lang, text)).collect();
    let first = parts.first();
    let page = Page {
        title: first.map(|part| part.title.clone()).unwrap_or_default(),
        lang: first.map_or(Lang::Vi, |part| part.lang),
        parts,
    };
    Ok(page.render()?)
}

fn part(lang: Lang, markdown: &str) -> Part {
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    let mut events: Vec<Event> = Vec::new();
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut title = String::new();
    // The heading that is being read: its level and its words.
    let mut heading: Option<(HeadingLevel, String)> = None;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some((level, String::new()));
                let id = (level == HeadingLevel::H2)
                    .then(|| anchor(lang, sections.len()))
                    .map(CowStr::from);
                events.push(Event::Start(Tag::Heading {
                    level,
                    id,
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::End(TagEnd::Heading(level)) => {
                match heading.take() {
                    Some((HeadingLevel::H1, words)) => title = words,
                    Some((HeadingLevel::H2, words)) => {
                        sections.push((anchor(lang, sections.len()), words));
                    }
                    _ => {}
                }
                events.push(Event::End(TagEnd::Heading(level)));
            }
            // A wide table scrolls by itself, and the page does not.
            Event::Start(table @ Tag::Table(_)) => {
                events.push(Event::Html("<div class=\"table\">".into()));
                events.push(Event::Start(table));
            }
            Event::End(TagEnd::Table) => {
                events.push(Event::End(TagEnd::Table));
                events.push(Event::Html("</div>\n".into()));
            }
            // The text has no HTML of its own; what looks like it is shown.
            Event::Html(html) | Event::InlineHtml(html) => events.push(Event::Text(html)),
            event => {
                if let (Some((_, words)), Event::Text(text) | Event::Code(text)) =
                    (&mut heading, &event)
                {
                    words.push_str(text);
                }
                events.push(event);
            }
        }
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    Part {
        lang,
        title,
        sections,
        html,
    }
}

fn anchor(lang: Lang, section: usize) -> String {
    format!("{lang}-{}", section.saturating_add(1))
}
