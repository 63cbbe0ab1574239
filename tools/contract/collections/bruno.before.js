const call = {
  url: () => bru.interpolate(req.getUrl()),
  method: () => req.getMethod(),
  header: (name) => req.getHeader(name),
  setHeader: (name, value) => req.setHeader(name, value),
  value: (name) => bru.interpolate('{{' + name + '}}'),
  fixBody: () => {
    const raw = bru.interpolate(req.getBody({ raw: true }) || '');
    req.setBody(raw, { raw: true });
    return raw;
  },
};
