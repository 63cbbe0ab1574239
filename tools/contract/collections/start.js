// Each run has orders of its own.
const now = Date.now();
const day = new Date(now + 7 * 3600 * 1000).toISOString().slice(2, 10).replace(/-/g, '');
const order = (number) => day + 'TIKIVIP-' + (now % 1000000000) + number + '-' + Math.floor(now / 1000);
keep('tiki_id_paid', order(1));
keep('tiki_id_pending', order(2));
keep('tiki_id_refused', order(3));
keep('tiki_id_handed', order(4));
keep('tiki_id_handed_other', order(5));
