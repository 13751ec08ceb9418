<?php
/*
 * A signature endpoint that still makes the legacy signature of JWT apps, as in Zoom devforum 24888.
 *
 * Run by PHP's built-in server (php -S 127.0.0.1:PORT endpoint.php), which announces its port on standard error. POST with
 * a JSON body {meetingNumber, role}. Its faults, on purpose: the format (no Web SDK takes it since JWT apps ended in 2023),
 * and that a missing meetingNumber or role is signed as an empty string.
 *
 * The header X-Test-Now-Ms sets the time that the signature of one request is made of.
 */

declare(strict_types=1);

function legacy_signature(string $key, string $secret, string $meetingNumber, string $role, int $nowMs): string
{
    $time = $nowMs - 30000;
    $message = base64_encode($key . $meetingNumber . $time . $role);
    $hash = base64_encode(hash_hmac('sha256', $message, $secret, true));
    $signature = base64_encode(implode('.', [$key, $meetingNumber, $time, $role, $hash]));
    return rtrim(strtr($signature, '+/', '-_'), '=');
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
    header('Allow: POST');
    return;
}

$asked = json_decode((string) file_get_contents('php://input'), true) ?? [];
$nowMs = (int) ($_SERVER['HTTP_X_TEST_NOW_MS'] ?? microtime(true) * 1000);

header('Content-Type: application/json');
echo json_encode(['signature' => legacy_signature(
    (string) getenv('ZOOM_MEETING_SDK_KEY'),
    (string) getenv('ZOOM_MEETING_SDK_SECRET'),
    (string) ($asked['meetingNumber'] ?? ''),
    (string) ($asked['role'] ?? ''),
    $nowMs,
)]);
