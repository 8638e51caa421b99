<?php

namespace Hello;

use Parsedown;

final class Page
{
    public static function html(string $markdown): string
    {
        return (new Parsedown())->setSafeMode(true)->text($markdown) . "\n";
    }
}
