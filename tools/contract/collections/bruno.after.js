const status = res.getStatus();
const answered = res.getBody();
const text = typeof answered === 'string' ? answered : JSON.stringify(answered);
const body = (() => { try { return JSON.parse(text); } catch (noJson) { return {}; } })();
const header = (name) => res.getHeader(name.toLowerCase());
const keep = (name, value) => bru.setVar(name, value);
const value = (name) => bru.getVar(name);
const check = (name, holds) => test(name, holds);
