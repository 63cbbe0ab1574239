//! What the judge finds in a message, and what it lets pass.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use openapi::{Answer, Api, BadDocument, Request};

const DOCUMENT: &str = r##"
openapi: 3.1.0
paths:
  /things/{id}:
    post:
      operationId: makeThing
      parameters:
        - { name: id, in: path, required: true, schema: { type: string, pattern: "^[a-z]+$" } }
        - { name: Key, in: header, required: true, schema: { type: string } }
        - { name: page, in: query, schema: { type: string, maxLength: 2 } }
      requestBody:
        content: { application/json: { schema: { $ref: "#/components/schemas/Thing" } } }
      responses:
        "200":
          headers: { X-Id: { $ref: "#/components/headers/Id" } }
          content: { application/json: { schema: { $ref: "#/components/schemas/Thing" } } }
        "302": { description: elsewhere }
        5XX: { content: { text/html: { schema: { type: string } } } }
    get: { operationId: seeThing, responses: {} }
components:
  headers: { Id: { required: true, schema: { type: string } } }
  schemas:
    Thing:
      type: object
      required: [name]
      properties: { name: { type: string, format: uuid }, more: { $ref: "#/components/schemas/More" } }
      if: { properties: { more: { const: null } }, required: [more] }
      then: { required: [why] }
    More:
      type: [object, "null"]
      properties: { a: { type: integer } }
"##;

const NAME: &str = r#""name":"a48f46ff-cd8d-5da2-ba2a-72142ee252d0""#;

fn request_problems(path: &str, query: &str, key: bool, body: &str) -> String {
    let api = Api::parse(DOCUMENT).unwrap();
    let headers = [("key".to_owned(), "k".to_owned())];
    let request = Request {
        path,
        query,
        headers: if key { &headers } else { &[] },
        body: body.as_bytes(),
    };
    let operation = api.operation("makeThing").unwrap();
    api.request_problems(operation, &request).join("; ")
}

fn answer_problems(api: &Api, status: u16, kind: &str, id: bool, body: &str) -> String {
    let kind = ("Content-Type".to_owned(), kind.to_owned());
    let id = id.then(|| ("x-id".to_owned(), "1".to_owned()));
    let headers: Vec<_> = std::iter::once(kind).chain(id).collect();
    let answer = Answer {
        status,
        headers: &headers,
        body: body.as_bytes(),
    };
    let operation = api.operation("makeThing").unwrap();
    api.answer_problems(operation, &answer).join("; ")
}

#[test]
fn a_path_leads_to_its_operation() {
    let api = Api::parse(DOCUMENT).unwrap();
    let id = |method: &str, path: &str| Some(api.find(method, path)?.id.clone());
    assert_eq!(id("POST", "/things/a").as_deref(), Some("makeThing"));
    assert_eq!(id("GET", "/things/a").as_deref(), Some("seeThing"));
    for (method, path) in [
        ("PUT", "/things/a"),
        ("GET", "/things"),
        ("GET", "/things/a/b"),
    ] {
        assert_eq!(id(method, path), None, "{method} {path}");
    }
}

#[test]
fn each_part_of_a_request_is_looked_at() {
    let good = format!("{{{NAME}}}");
    assert_eq!(
        request_problems("/things/a", "page=12&new=1", true, &good),
        ""
    );
    let new = format!("{{{NAME},\"new\":1}}");
    assert_eq!(request_problems("/things/a", "", true, &new), "");
    for (path, query, key, body, problem) in [
        ("/things/A", "", true, good.as_str(), "id: "),
        ("/things/a", "page=123", true, &good, "page: "),
        (
            "/things/a",
            "",
            false,
            &good,
            "header parameter Key is missing",
        ),
        (
            "/things/a",
            "",
            true,
            "{}",
            "\"name\" is a required property",
        ),
        ("/things/a", "", true, r#"{"name":"a"}"#, "/name: "),
        ("/things/a", "", true, "", "the body is not JSON"),
    ] {
        let found = request_problems(path, query, key, body);
        assert!(found.contains(problem), "{path}?{query} {body}: {found:?}");
    }
    let null = format!("{{{NAME},\"more\":null}}");
    assert!(request_problems("/things/a", "", true, &null).contains("why"));
}

#[test]
fn each_part_of_an_answer_is_looked_at() {
    let open = Api::parse(DOCUMENT).unwrap();
    let exact = Api::parse(DOCUMENT).unwrap().with_exact_answers();
    let good = format!("{{{NAME}}}");
    let json = "application/json; charset=utf-8";
    for api in [&open, &exact] {
        assert_eq!(answer_problems(api, 200, json, true, &good), "");
        assert_eq!(answer_problems(api, 302, "text/plain", false, ""), "");
        assert_eq!(answer_problems(api, 503, "text/html", false, "<p>"), "");
        for (status, kind, id, body, problem) in [
            (
                404,
                json,
                true,
                good.as_str(),
                "status 404 is not in the document",
            ),
            (200, "text/html", true, &good, "content type \"text/html\""),
            (200, json, false, &good, "header X-Id is missing"),
            (200, json, true, "{}", "\"name\" is a required property"),
            (200, json, true, "<p>", "the body is not JSON"),
            (302, json, true, "x", "a body, and the document has none"),
        ] {
            let found = answer_problems(api, status, kind, id, body);
            assert!(found.contains(problem), "{status} {body}: {found:?}");
        }
    }
    // A new field, at any depth, is a problem of who writes it, and not of who reads it.
    for new in [
        format!("{{{NAME},\"new\":1}}"),
        format!("{{{NAME},\"more\":{{\"b\":1}}}}"),
    ] {
        assert_eq!(answer_problems(&open, 200, json, true, &new), "");
        assert!(
            answer_problems(&exact, 200, json, true, &new).contains("Additional properties"),
            "{new}"
        );
    }
}

#[test]
fn an_operation_needs_a_name() {
    assert!(matches!(Api::parse("{"), Err(BadDocument::NotYaml(_))));
    let nameless = "paths: { /a: { get: { responses: {} } } }";
    assert!(matches!(
        Api::parse(nameless),
        Err(BadDocument::WithoutId { .. })
    ));
}
