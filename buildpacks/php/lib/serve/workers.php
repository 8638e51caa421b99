<?php
// How many workers PHP-FPM starts: `workers.php BYTES PROCESSORS DOCUMENT_ROOT`, with what `php-fpm -tt` shows on the
// standard input. As on Heroku: twice for each processor and each time that 128 MB double up to the dyno's memory, the
// more the lower memory_limit is; but never more than fit into the memory at once.
const BASE = 128 << 20;

[, $bytes, $processors, $root] = $argv;
$limits = ['value' => null, 'admin_value' => null];
foreach (explode("\n", stream_get_contents(STDIN)) as $line) {
    if (preg_match('/php_(value|admin_value)\[memory_limit\]\s*=\s*(\S+)/', $line, $found)) {
        $limits[$found[1]] = $found[2];
    }
}
// The order in which PHP-FPM lets them win.
$user = is_readable("$root/.user.ini") ? (parse_ini_file("$root/.user.ini") ?: []) : [];
$limit = ini_parse_quantity($limits['admin_value'] ?? $user['memory_limit'] ?? $limits['value'] ?? ini_get('memory_limit'));
if ($limit <= 0) {
    // No limit: each one is taken to need what the usual one allows.
    $limit = BASE;
}
$wanted = ceil(log(max($bytes, BASE * 2) / BASE, 2)) * $processors * 2 * BASE / $limit;
echo max(1, (int) min($wanted, $bytes / $limit));
