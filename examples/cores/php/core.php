<?php
// An example core in PHP 8.2, standard library only: everything that docs/core.md asks of a core.
//
// `php core.php` starts PHP's own web server with this file. PHP forgets everything after each request, so the records
// are in a file, which a request holds locked while it decides (`records`). A real core keeps them in its database, and
// makes each decision in one transaction there (examples/README.md).
declare(strict_types=1);

define('CLIENT_ID', getenv('CORE_CLIENT_ID') ?: 'sandbox-core');
define('SECRET', getenv('CORE_SECRET') ?: 'sandbox-secret-between-core-and-functions');
date_default_timezone_set('Asia/Ho_Chi_Minh');
const MINUTE_MS = 60_000, DAY_MS = 86_400_000;
const OFFERED_AFTER_MS = DAY_MS; // a day's statement is there when the day is over
const PAGE_SIZE = 100, MAX_BODY = 64 * 1024, MAX_AMOUNT = 2 ** 53 - 1;

function now_ms(): int { return (int) (microtime(true) * 1000); }

function rfc3339(int $ms): string { return date(DATE_ATOM, intdiv($ms, 1000)); }

/** Runs `$decide` with the records, which nobody else reads or changes meanwhile, and saves what it changes. */
function records(callable $decide): mixed
{
    $file = fopen(getenv('CORE_RECORDS'), 'c+');
    flock($file, LOCK_EX);
    // `opened` has the expires_at of each payment whose form was shown.
    $records = json_decode(stream_get_contents($file) ?: '{"payments":{},"opened":{},"refunds":{},"bookings":[]}', true);
    $before = $records;
    $answer = $decide($records);
    if ($records !== $before) {
        rewind($file);
        fwrite($file, json_encode($records));
        fflush($file);
        ftruncate($file, ftell($file));
    }
    fclose($file); // unlocks it, too
    return $answer;
}

// The signature, in both directions ----------------------------------------------------------------------------------
function sign(string $timestamp, string $message): string
{
    $payload = $timestamp . '.' . CLIENT_ID . '.' . $message;
    $encoded = rtrim(strtr(base64_encode($payload), '+/', '-_'), '=');
    return hash_hmac('sha256', $encoded, SECRET);
}

/** `$message` is exactly what came: the bytes of the body, or of a GET its path and query. */
function verify(string $message, string $timestamp, string $client_id, string $signature, int $max_age_ms = 5 * MINUTE_MS): bool
{
    if (!preg_match('/\A[0-9]{1,15}\z/', $timestamp)) {
        return false;
    }
    $same = hash_equals(sign($timestamp, $message), $signature); // in constant time
    $age = now_ms() - (int) $timestamp;
    return $same && $client_id === CLIENT_ID && $age >= -MINUTE_MS && $age <= $max_age_ms;
}

/** Calls the backend: [status, JSON], or null without an answer. Each call is signed anew, with a new timestamp. */
function call_api(string $method, string $path, string $body = ''): ?array
{
    // The backend's address may come late.
    $file = getenv('API_URL_FILE');
    $base = getenv('API_URL') ?: trim($file ? (string) @file_get_contents($file) : '');
    if ($base === '') {
        return null;
    }
    $timestamp = (string) now_ms();
    $headers = ['Content-Type: application/json', "X-Partner-Timestamp: $timestamp", 'X-Partner-Client-Id: ' . CLIENT_ID,
        'X-Partner-Signature: ' . sign($timestamp, $method === 'GET' ? $path : $body), 'Connection: close'];
    $timeout = $method === 'GET' ? 10 : 30; // a customer waits for a GET
    $http = ['method' => $method, 'header' => $headers, 'timeout' => $timeout, 'ignore_errors' => true,
        'follow_location' => 0];
    $http += $method === 'POST' ? ['content' => $body] : [];
    $answer = @file_get_contents(rtrim($base, '/') . $path, false, stream_context_create(['http' => $http]));
    $json = $answer === false ? null : json_decode($answer, true);
    return is_array($json) ? [(int) explode(' ', $http_response_header[0])[1], $json] : null;
}

// What the backend calls ---------------------------------------------------------------------------------------------
function is_text(mixed $value): bool { return is_string($value) && $value !== '' && strlen($value) <= 128; }

function is_whole(mixed $value, int $least): bool { return is_int($value) && $value >= $least && $value <= MAX_AMOUNT; }

function refund(string $key, string $body): array
{
    $fields = json_decode($body, true, 32);
    [$id, $transaction_id, $amount, $so_far] = array_map(fn ($name) => is_array($fields) ? $fields[$name] ?? null : null,
        ['refund_id', 'transaction_id', 'amount', 'refunded_so_far']);
    if (!is_text($id) || !is_text($transaction_id) || !is_whole($amount, 1) || !is_whole($so_far, 0)) {
        return [400, ['message' => 'refund_id and transaction_id are texts, amount and refunded_so_far whole numbers']];
    }
    if ($key !== $id) {
        return [400, ['message' => 'Idempotency-Key must be the refund_id']];
    }
    return records(function (array &$records) use ($id, $transaction_id, $amount, $so_far): array {
        $known = $records['refunds'][$id] ?? null;
        if ($known) { // the same refund once more: no second payment, and the first answer
            return $known['transaction_id'] === $transaction_id && $known['amount'] === $amount
                ? [200, refund_answer($id, $known)]
                : [409, ['message' => 'this refund_id belongs to another transaction or amount']];
        }
        $now = now_ms();
        $back = array_filter($records['refunds'],
            fn ($r) => $r['transaction_id'] === $transaction_id && $r['status'] === 'succeeded');
        $sum = fn (array $refunds): int => array_sum(array_column($refunds, 'amount'));
        if ($sum(array_filter($back, fn ($r) => $now - $r['at'] > MINUTE_MS)) > $so_far) {
            // The backend does not know of money that is back. No final answer, because the refund may be right.
            return [409, ['message' => 'more is back than refunded_so_far says']];
        }
        $payment = $records['payments'][$transaction_id] ?? null;
        $reason = match (true) {
            ($payment['status'] ?? '') !== 'paid' => 'the transaction is not paid',
            $sum($back) + $amount > $payment['amount'] => 'more than is left of the payment',
            default => null,
        };
        $created = ['transaction_id' => $transaction_id, 'amount' => $amount, 'at' => $now,
            'status' => $reason ? 'rejected' : 'succeeded', 'reason' => $reason];
        $records['refunds'][$id] = $created;
        if (!$reason) { // a real core pays the money back here
            $records['bookings'][] = booking('refund', $id, $transaction_id, $amount, $now);
        }
        return [200, refund_answer($id, $created)];
    });
}

function refund_answer(string $id, array $known): array
{
    return ['refund_id' => $id, 'amount' => $known['amount'], 'status' => $known['status'], 'reason' => $known['reason']];
}

function booking(string $type, string $id, string $transaction_id, int $amount, int $at): array
{
    return compact('type', 'id', 'transaction_id', 'amount', 'at');
}

function find_refund(string $id): array
{
    $known = records(fn (array $records) => $records['refunds'][$id] ?? null);
    return $known ? [200, refund_answer($id, $known)] : [404, ['refund_id' => $id, 'status' => 'never_seen']];
}

function find_payment(string $id): array
{
    return records(function (array $records) use ($id): array {
        $known = $records['payments'][$id] ?? null;
        if ($known) {
            return [200, ['status' => $known['status'], 'amount' => $known['amount']] + $known['result']];
        }
        if (isset($records['opened'][$id])) { // the customer may still pay, until it is too late
            $status = now_ms() <= $records['opened'][$id] ? 'pending' : 'not_paid';
            return [200, ['transaction_id' => $id, 'status' => $status]];
        }
        return [404, ['transaction_id' => $id, 'status' => 'never_seen']];
    });
}

function statement(string $day, string $query): array
{
    $date = DateTimeImmutable::createFromFormat('!Y-m-d', $day);
    if (!$date || $date->format('Y-m-d') !== $day) {
        return [400, ['message' => 'a day is written as 2026-11-22']];
    }
    $start = $date->getTimestamp() * 1000;
    if (now_ms() < $start + OFFERED_AFTER_MS) {
        return [404, ['status' => 'not_there']];
    }
    $bookings = records(fn (array $records) => $records['bookings']);
    $of_day = array_values(array_filter($bookings, fn ($b) => $b['at'] >= $start && $b['at'] < $start + DAY_MS));
    $entries = array_map(fn ($b) => ['at' => rfc3339($b['at'])] + $b, $of_day);
    // A cursor says how many entries are read already: the first page is 0, the others are those that we gave as `next`.
    parse_str($query, $values);
    $begin = array_search($values['cursor'] ?? '0', array_map('strval', range(0, max(count($entries) - 1, 0), PAGE_SIZE)), true);
    if ($begin === false) {
        return [400, ['message' => 'this cursor is not known']];
    }
    $begin *= PAGE_SIZE;
    $end = $begin + PAGE_SIZE;
    $next = $end < count($entries) ? (string) $end : null;
    return [200, ['day' => $day, 'entries' => array_slice($entries, $begin, PAGE_SIZE), 'next' => $next]];
}

// The payment screen -------------------------------------------------------------------------------------------------
/** Reads the screen's link. Its signed part ends before the last `&client_id=`. It may be opened until it expires. */
function verified_link(string $target): ?array
{
    $at = (int) strrpos($target, '&client_id=');
    $signed = substr($target, 0, $at);
    parse_str(substr($target, $at + 1), $proof);
    parse_str(explode('?', $signed, 2)[1] ?? '', $link);
    [$timestamp, $client_id, $signature] = array_map(fn ($name) => is_string($proof[$name] ?? null) ? $proof[$name] : '',
        ['timestamp', 'client_id', 'signature']);
    if (!verify($signed, $timestamp, $client_id, $signature, PHP_INT_MAX)) {
        return null;
    }
    return ['amount' => (int) $link['amount'], 'expires_at' => (int) $link['expires_at']] + $link;
}

function page(string $vietnamese, string $english, string $more = ''): string
{
    return '<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        . "<title>$vietnamese</title><h1>$vietnamese</h1><p lang=\"en\">$english</p>$more</html>";
}

function invalid(): array { return [400, page('Liên kết thanh toán không hợp lệ', 'This payment link is not valid.')]; }

function expired(array $link): array
{
    $back = '<a href="' . htmlspecialchars($link['return_url']) . '">Quay lại Tiki VIP · Back to Tiki VIP</a>';
    return [410, page('Đã hết thời gian thanh toán', 'The time to pay is over.', $back)];
}

function screen(string $target): array
{
    $link = verified_link($target);
    if (!$link) {
        return invalid();
    }
    if (records(fn (array $records) => isset($records['payments'][$link['transaction_id']]))) {
        return [303, $link['return_url']];
    }
    if (now_ms() > $link['expires_at']) {
        return expired($link);
    }
    $answer = call_api('GET', "/partner/v1/payments/{$link['transaction_id']}")[1] ?? [];
    if (($answer['code'] ?? null) === 3) { // our API does not know this payment
        return invalid();
    }
    $data = $answer['data'] ?? null;
    if (!is_array($data)) {
        return [503, page('Chưa thể hiển thị thanh toán, vui lòng thử lại', 'We cannot show the payment now. Please try again.')];
    }
    if ($data['transaction_id'] !== $link['transaction_id'] || $data['transaction_amount'] !== $link['amount']) {
        return invalid();
    }
    if ($data['status'] !== 'PENDING') {
        return [303, $link['return_url']];
    }
    records(fn (array &$records) => $records['opened'][$link['transaction_id']] = $link['expires_at']);
    // A real core shows the payment only to the signed-in customer whose code is $data['identify_code'].
    $amount = number_format($link['amount'], 0, ',', '.') . ' ₫';
    [$path, $query] = explode('?', $target, 2);
    $about = implode(' · ', array_map('htmlspecialchars', array_filter([$data['order_code'], $data['description']])));
    return [200, page("Thanh toán $amount", 'Pay Tiki VIP', "<p>$about</p><form method=\"post\" action=\"$path\">"
        . '<input type="hidden" name="query" value="' . htmlspecialchars($query) . '">'
        . '<button name="action" value="pay">Thanh toán · Pay</button> '
        . '<button name="action" value="cancel">Hủy giao dịch · Cancel</button></form>')];
}

function decide(string $path, string $body): array
{
    parse_str($body, $form);
    $link = is_string($form['query'] ?? null) ? verified_link("$path?{$form['query']}") : null;
    $action = $form['action'] ?? '';
    if (!$link || !in_array($action, ['pay', 'cancel'], true)) {
        return invalid();
    }
    $id = $link['transaction_id'];
    $decided = records(function (array &$records) use ($id, $link, $action): bool {
        $now = now_ms();
        if (isset($records['payments'][$id]) || $now > $link['expires_at']) {
            return isset($records['payments'][$id]); // the first decision counts; a second one changes nothing
        }
        $result = ['transaction_id' => $id, 'status' => 'FAILURE', 'reason' => 'cancelled by the customer'];
        if ($action === 'pay') { // a real core debits the customer's account here
            $number = 'B-' . (count($records['bookings']) + 1);
            $result = ['transaction_id' => $id, 'status' => 'SUCCESS', 'amount' => $link['amount'],
                'paid_at' => rfc3339($now), 'partner_banking_method' => 'ACCOUNT', 'rail_reference' => $number];
            $records['bookings'][] = booking('payment', $number, $id, $link['amount'], $now);
        }
        $records['payments'][$id] = ['amount' => $link['amount'], 'status' => $action === 'pay' ? 'paid' : 'failed',
            'result' => $result, 'sent' => false, 'wait' => 200, 'next_try' => $now];
        return true;
    });
    if (!$decided) {
        return expired($link);
    }
    // `send_results` sends the result. The customer does not wait for it longer than five seconds.
    for ($waited = 0; $waited < 5_000 && !records(fn (array $records) => $records['payments'][$id]['sent']); $waited += 20) {
        usleep(20_000);
    }
    return [303, $link['return_url']];
}

/** Sends each payment result until it is answered 200, with longer and longer waits. One process does only this. */
function send_results(): void
{
    $due = records(fn (array $records) => array_filter($records['payments'],
        fn ($payment) => !$payment['sent'] && $payment['next_try'] <= now_ms()));
    foreach ($due as $id => $payment) {
        // Without an answer it may have been recorded or not, and a repeat changes nothing.
        $answer = call_api('POST', "/partner/v1/payments/$id/result", json_encode($payment['result']));
        // A 200 without a code comes from something in between.
        $sent = ($answer[0] ?? 0) === 200 && is_int($answer[1]['code'] ?? null);
        if ($sent && $answer[1]['code'] !== 0) { // a refusal, which a repeat does not change
            fwrite(STDERR, "payment result refused, people must look at it: $id\n");
        }
        records(function (array &$records) use ($id, $payment, $sent): void {
            $records['payments'][$id]['sent'] = $sent;
            $records['payments'][$id]['next_try'] = now_ms() + $payment['wait'];
            $records['payments'][$id]['wait'] = min(2 * $payment['wait'], MINUTE_MS);
        });
    }
}

// HTTP ---------------------------------------------------------------------------------------------------------------
function route(string $method, string $target, string $body): array
{
    [$path, $query] = explode('?', $target, 2) + [1 => ''];
    if ($path === '/pay') {
        return $method === 'GET' ? screen($target) : decide($path, $body);
    }
    [$timestamp, $client_id, $signature, $key] = array_map(fn ($name) => $_SERVER["HTTP_$name"] ?? '',
        ['X_PARTNER_TIMESTAMP', 'X_PARTNER_CLIENT_ID', 'X_PARTNER_SIGNATURE', 'IDEMPOTENCY_KEY']);
    if (!verify($method === 'POST' ? $body : $target, $timestamp, $client_id, $signature)) {
        return [401, ['message' => 'the signature is missing, wrong or too old']];
    }
    $parts = explode('/', $path); // "/refunds/9d2f…" is "", "refunds", "9d2f…"
    return match ("$method {$parts[1]} " . count($parts)) {
        'POST refunds 2' => refund($key, $body),
        'GET refunds 3' => find_refund($parts[2]),
        'GET payments 3' => find_payment($parts[2]),
        'GET statements 3' => statement($parts[2], $query),
        default => [404, ['message' => 'there is no such route']],
    };
}

function serve(): void
{
    $body = (string) file_get_contents('php://input');
    [$status, $content] = strlen($body) > MAX_BODY
        ? [413, ['message' => 'a body has at most 64 KiB']]
        : route($_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $body);
    http_response_code($status);
    header('Content-Type: ' . (is_array($content) ? 'application/json' : 'text/html; charset=utf-8'));
    header('Cache-Control: no-store');
    header('Referrer-Policy: no-referrer');
    header("Content-Security-Policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    if ($status === 303) {
        header("Location: $content", true, 303);
        return;
    }
    echo is_array($content) ? json_encode($content) : $content;
}

/** Starts the web server with this file, and sends payment results while it runs. */
function start(): never
{
    $port = (int) (getenv('PORT') ?: 0);
    if ($port === 0) { // asks the system for a free one
        $free = stream_socket_server('tcp://127.0.0.1:0');
        $port = (int) substr(strrchr(stream_socket_get_name($free, false), ':'), 1);
        fclose($free);
    }
    $records = tempnam(sys_get_temp_dir(), 'core-');
    putenv("CORE_RECORDS=$records");
    putenv('PHP_CLI_SERVER_WORKERS=8');
    $server = pcntl_fork();
    if ($server === 0) { // in a group of its own, so that all its workers can be stopped
        posix_setsid();
        pcntl_exec(PHP_BINARY, ['-q', '-S', "127.0.0.1:$port", __FILE__]);
    }
    pcntl_async_signals(true);
    $stop = function () use ($server, $records): never {
        posix_kill(-$server, SIGTERM);
        unlink($records);
        exit(0);
    };
    pcntl_signal(SIGINT, $stop);
    pcntl_signal(SIGTERM, $stop);
    while (!@fsockopen('127.0.0.1', $port)) {
        usleep(10_000);
    }
    echo "listening on http://127.0.0.1:$port\n";
    while (true) {
        send_results();
        usleep(20_000);
    }
}

if (PHP_SAPI === 'cli-server') {
    serve();
} else {
    start();
}
