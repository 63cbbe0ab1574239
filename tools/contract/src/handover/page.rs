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
    // The words of the heading that is being read.
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some(String::new());
                let is_section = level == HeadingLevel::H2;
                let id = is_section.then(|| anchor(lang, sections.len()));
                events.push(Event::Start(Tag::Heading {
                    level,
                    id: id.map(CowStr::from),
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::End(TagEnd::Heading(level)) => {
                let words = heading.take().unwrap_or_default();
                match level {
                    HeadingLevel::H1 => title = words,
                    HeadingLevel::H2 => sections.push((anchor(lang, sections.len()), words)),
                    _ => {}
                }
                events.push(event);
            }
            event => {
                if let (Some(words), Event::Text(text) | Event::Code(text)) = (&mut heading, &event)
                {
                    words.push_str(text);
                }
                events.extend(adapted(lang, event));
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

/// An event as the page needs it.
fn adapted(lang: Lang, event: Event<'_>) -> Vec<Event<'_>> {
    match event {
        // A wide table scrolls by itself, and the page does not.
        Event::Start(Tag::Table(_)) => vec![Event::Html("<div class=\"table\">".into()), event],
        Event::End(TagEnd::Table) => vec![event, Event::Html("</div>\n".into())],
        // The text has no HTML of its own; what looks like it is shown.
        Event::Html(html) | Event::InlineHtml(html) => vec![Event::Text(html)],
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => vec![Event::Start(Tag::Link {
            link_type,
            dest_url: within(lang, dest_url),
            title,
            id,
        })],
        event => vec![event],
    }
}

/// A link to a numbered section of the text (`#8-questions`) leads to its anchor in the page.
fn within(lang: Lang, link: CowStr<'_>) -> CowStr<'_> {
    let number = link.strip_prefix('#').and_then(|rest| rest.split_once('-'));
    match number {
        Some((number, _)) => format!("#{lang}-{number}").into(),
        None => link,
    }
}

fn anchor(lang: Lang, section: usize) -> String {
    format!("{lang}-{}", section.saturating_add(1))
}
