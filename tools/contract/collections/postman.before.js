const call = {
  url: () => pm.variables.replaceIn(pm.request.url.toString()),
  method: () => pm.request.method,
  header: (name) => pm.request.headers.get(name),
  setHeader: (key, value) => pm.request.headers.upsert({ key, value }),
  value: (name) => pm.variables.replaceIn('{{' + name + '}}'),
  fixBody: () => {
    const raw = pm.variables.replaceIn(pm.request.body ? pm.request.body.raw || '' : '');
    pm.request.body.update({ mode: 'raw', raw });
    return raw;
  },
};
