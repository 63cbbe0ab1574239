// The payment screen has one form. It is sent as a browser sends it when the customer presses “pay”.
const plain = (text) => text.replace(/&#(x?)([0-9a-f]+);/gi, (all, hex, digits) => String.fromCharCode(parseInt(digits, hex ? 16 : 10)))
  .replace(/&quot;/g, '"').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
const attribute = (tag, name) => {
  const found = tag.match(new RegExp('\\s' + name + '\\s*=\\s*(?:"([^"]*)"|\'([^\']*)\')', 'i'));
  return found ? plain(found[1] === undefined ? found[2] : found[1]) : null;
};
const form = (text.match(/<form[\s\S]*?<\/form>/i) || [''])[0];
check('the screen has a form', () => expect(form).to.match(/method="?post/i));
const pairs = (form.match(/<input[^>]*>/gi) || [])
  .map((input) => [attribute(input, 'name'), attribute(input, 'value') || ''])
  .filter(([name]) => name)
  .concat([['action', 'pay']]);
const screen = value('screen_url');
const action = attribute((form.match(/<form[^>]*>/i) || [''])[0], 'action');
const origin = (screen.match(/^[a-z]+:\/\/[^/]+/i) || [''])[0];
keep('form_url', !action ? screen : /^[a-z]+:/i.test(action) ? action : action.startsWith('/') ? origin + action
  : screen.replace(/[?#].*$/, '').replace(/[^/]*$/, '') + action);
keep('form_body', pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&'));
