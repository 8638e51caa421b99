<?php
// Every address leads here that is not a file (see .htaccess).

require __DIR__ . '/../vendor/autoload.php';

$name = trim(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');
$dyno = getenv('DYNO') ?: 'no dyno';
error_log("greeting $name");
echo Hello\Page::html($name === '' ? "# Hello from $dyno\n\nPHP " . PHP_VERSION : "Hello *$name*");
