<?php
// The signature in PHP (docs/protocol.md, section 2). `php sign.php vectors.json` checks it.
declare(strict_types=1);

/** `$message` is the exact bytes of the body; of a GET, its path and query. */
function sign(string $secret, string $client_id, int|string $timestamp_ms, string $message): string
{
    $encoded = rtrim(strtr(base64_encode("$timestamp_ms.$client_id.$message"), '+/', '-_'), '=');
    return hash_hmac('sha256', $encoded, $secret);
}

/** `$headers` has what came: `timestamp`, `client_id` and `signature`. */
function verify(string $secret, string $client_id, string $message, int $now_ms, array $headers): bool
{
    if (!preg_match('/\A[0-9]{1,15}\z/', $headers['timestamp'])) {
        return false;
    }
    $right = sign($secret, $client_id, $headers['timestamp'], $message);
    $same = hash_equals($right, $headers['signature']); // in constant time
    $age = $now_ms - (int) $headers['timestamp'];
    return $same && $headers['client_id'] === $client_id && $age >= -60_000 && $age <= 300_000;
}

foreach (json_decode(file_get_contents($argv[1]), true, 512, JSON_THROW_ON_ERROR) as $v) {
    [$secret, $id, $message, $sent] = [$v['client_secret'], $v['client_key'], $v['body'], (int) $v['timestamp']];
    $headers = ['timestamp' => $v['timestamp'], 'client_id' => $id, 'signature' => $v['signature']];
    $ok = sign($secret, $id, $sent, $message) === $v['signature']
        && verify($secret, $id, $message, $sent + 299_000, $headers)
        && !verify($secret, $id, "$message ", $sent, $headers)
        && !verify($secret, $id, $message, $sent + 301_000, $headers);
    echo $ok ? 'ok' : 'WRONG', " {$v['name']}\n";
    $ok || exit(1);
}
