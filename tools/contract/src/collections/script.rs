//! The scripts that both programs run. Only what reads a request or an answer is different in each.

use std::fmt::Write as _;

use super::step::{Special, Step};

/// How a program's scripts read requests and answers.
pub(super) struct Program {
    before: &'static str,
    after: &'static str,
    keep: &'static str,
    skip: &'static str,
}

pub(super) const POSTMAN: Program = Program {
    before: include_str!("../../collections/postman.before.js"),
    after: include_str!("../../collections/postman.after.js"),
    keep: "const keep = (name, value) => pm.collectionVariables.set(name, value);\n",
    skip: "if (!pm.variables.get('tiki_url')) { pm.execution.skipRequest(); }\n",
};

pub(super) const BRUNO: Program = Program {
    before: include_str!("../../collections/bruno.before.js"),
    after: include_str!("../../collections/bruno.after.js"),
    keep: "const keep = (name, value) => bru.setVar(name, value);\n",
    skip: "if (!bru.getEnvVar('tiki_url')) { bru.runner.skipRequest(); }\n",
};

impl Program {
    /// Before each request: signs it.
    pub(super) fn signs(&self) -> String {
        let rule = include_str!("../../collections/sign.js");
        format!("{}\n{rule}", self.before)
    }

    /// Before this request; empty if there is nothing to do.
    pub(super) fn prepares(&self, step: &Step) -> String {
        let mut script = String::new();
        if step.special == Special::Starts {
            script.push_str(self.keep);
            script.push_str(include_str!("../../collections/start.js"));
        }
        if step.sandbox_only {
            script.push_str("// Only a sandbox has this.\n");
            script.push_str(self.skip);
        }
        script
    }

    /// After this request: what must hold of the answer, and what is kept of it.
    pub(super) fn checks(&self, step: &Step) -> String {
        let mut script = format!("{}\n", self.after);
        let http = step.http;
        let _ = writeln!(
            script,
            "check('HTTP {http}', () => expect(status).to.equal({http}));"
        );
        if !step.codes.is_empty() {
            let codes: Vec<String> = step.codes.iter().map(u64::to_string).collect();
            let (title, codes) = (codes.join(" / "), codes.join(", "));
            let _ = writeln!(
                script,
                "check('code {title}', () => expect([{codes}]).to.include(body.code));"
            );
        }
        if step.is_api {
            script.push_str(
                "check('X-Request-Id', () => expect(header('X-Request-Id')).to.be.a('string'));\n",
            );
        }
        for (path, expected) in &step.fields {
            let found = access(path);
            let _ = writeln!(
                script,
                "check('{path}', () => expect({found}).to.equal({expected}));"
            );
        }
        for (path, name) in &step.captures {
            let found = match *path {
                "Location" => "header('Location')".to_owned(),
                path => access(path),
            };
            let _ = writeln!(script, "keep('{name}', {found});");
        }
        if step.special == Special::ReadsForm {
            script.push_str(include_str!("../../collections/form.js"));
        }
        script
    }
}

/// `data.status` as JavaScript that does not fail where something is missing.
fn access(path: &str) -> String {
    format!("body?.{}", path.replace('.', "?."))
}
