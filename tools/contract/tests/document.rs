//! The documents say what the generators need.

use contract::document::Repeat;
use contract::{Document, Lang, OPENAPI, OPENAPI_CORE};

#[test]
fn both_documents_are_read_with_both_languages() {
    for (yaml, operations) in [(OPENAPI, 16), (OPENAPI_CORE, 4)] {
        let document = Document::read(yaml).unwrap();
        assert_eq!(document.operations.len(), operations);
        for operation in &document.operations {
            let id = &operation.id;
            assert!(!operation.tag.is_empty(), "{id}");
            let summary = &operation.summary;
            assert!(!summary.vi.is_empty() && !summary.en.is_empty(), "{id}");
            for field in operation.request.iter().flat_map(|body| &body.fields) {
                let (name, text) = (&field.name, &field.description);
                assert!(!field.bounds.type_names().is_empty(), "{id} {name}");
                assert!(!text.vi.is_empty() && !text.en.is_empty(), "{id} {name}");
            }
        }
    }
}

#[test]
fn a_field_has_the_bounds_of_its_alternatives() {
    let document = Document::read(OPENAPI).unwrap();
    let create = document.operation("createTransaction").unwrap();
    let fields = &create.request.as_ref().unwrap().fields;
    let field = fields.iter().find(|f| f.name == "expires_in").unwrap();
    assert!(!field.required);
    let limits = field.bounds.limits(Lang::En);
    assert!(limits.starts_with("300 to 86400"), "{limits}");
    assert!(limits.ends_with("default `900`"), "{limits}");
    let answer = &create.answers.first().unwrap().message;
    let names: Vec<&str> = answer.fields.iter().map(|f| f.name.as_str()).collect();
    assert!(names.contains(&"data.payment_url"), "{names:?}");
}

#[test]
fn the_table_of_codes_is_read() {
    let codes = Document::read(OPENAPI).unwrap().codes;
    let of = |number| codes.iter().find(|code| code.number == number).unwrap();
    assert_eq!(of(0).repeat, Repeat::No);
    assert_eq!(of(2).repeat, Repeat::Yes);
    assert_eq!(of(9).repeat, Repeat::Later);
    assert_eq!(of(98).repeat, Repeat::NewSignature);
    assert!(of(4).is_final && !of(3).is_final && !of(12).is_final);
}

#[test]
fn a_call_has_the_codes_of_its_answers() {
    let document = Document::read(OPENAPI).unwrap();
    let can = |call: &str, code| document.operation(call).unwrap().can_answer(code);
    for (code, create, refund) in [
        (0, true, true),
        (4, false, false),
        (5, true, true),
        (8, true, false),
        (11, false, true),
        (12, false, true),
        (97, true, true),
    ] {
        assert_eq!(can("createTransaction", code), create, "{code}");
        assert_eq!(can("refundTransaction", code), refund, "{code}");
    }
}

#[test]
fn a_document_that_points_nowhere_is_refused() {
    let yaml =
        "paths: { /x: { get: { operationId: x, responses: { '200': { $ref: '#/nowhere' } } } } }";
    let refused = Document::read(yaml).unwrap_err().to_string();
    assert_eq!(refused, "#/nowhere: is not there");
}
