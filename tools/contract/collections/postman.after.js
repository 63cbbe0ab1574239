const status = pm.response.code;
const text = pm.response.text();
const body = (() => { try { return JSON.parse(text); } catch (noJson) { return {}; } })();
const header = (name) => pm.response.headers.get(name);
const keep = (name, value) => pm.collectionVariables.set(name, value);
const value = (name) => pm.variables.get(name);
const check = (name, holds) => pm.test(name, holds);
const expect = (found) => pm.expect(found);
