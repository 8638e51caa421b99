<?php $env = fn (string $name): string => str_replace(['\\', '"', '$'], ['\\\\', '\\"', ''], (string) getenv($name)); ?>
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  log_format heroku '$http_x_forwarded_for - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
  sendfile on;
  tcp_nopush on;
  server_tokens off;
  # The router says which address has no page.
  log_not_found off;
  # Longer than the router keeps a connection that nobody uses.
  keepalive_timeout 90s;
  # PHP has a limit of its own, post_max_size.
  client_max_body_size 0;
  index index.php index.html index.htm;
  gzip on;
  gzip_vary on;
  gzip_proxied any;
  gzip_min_length 1024;
  gzip_types text/css text/plain text/javascript application/javascript application/json application/xml
             application/rss+xml image/svg+xml;
  fastcgi_buffers 256 4k;
<?php foreach (['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'] as $name) { ?>
  <?= $name ?>_temp_path "<?= $env('HEROKU_PHP_SCRATCH') ?>/<?= $name ?>";
<?php } ?>

  upstream heroku-fcgi {
    server "unix:/tmp/heroku.fcgi.<?= $env('PORT') ?>.sock";
    keepalive 16;
  }

  server {
    listen <?= $env('PORT') ?> backlog=1024;
    server_name localhost;
    port_in_redirect off;
    absolute_redirect off;
    root "<?= $env('DOCUMENT_ROOT') ?>";
    error_log stderr;
    access_log /tmp/heroku.nginx_access.<?= $env('PORT') ?>.log heroku;

    # What steers the build or the repository is nobody's page.
    location ~ "/\.(?!well-known/)" { return 404; }
    location ~ "^/(composer\.(json|lock)|Procfile|app\.json)$" { return 404; }
<?php if (getenv('DOCUMENT_ROOT') === getenv('HEROKU_APP_DIR')) { ?>
    location ^~ "/<?= $env('COMPOSER_VENDOR_DIR') ?>/" { return 404; }
<?php } ?>

    include "<?= $env('HEROKU_PHP_NGINX_CONFIG_INCLUDE') ?>";

    location ~ "\.php(/|$)" {
      try_files @heroku-fcgi @heroku-fcgi;
    }
    # For the app's own rules too: `try_files @heroku-fcgi @heroku-fcgi;`
    location @heroku-fcgi {
      fastcgi_split_path_info ^(.+?\.php)(/.*)?$;
      set $path_info $fastcgi_path_info;
      if (!-f $document_root$fastcgi_script_name) { return 404; }
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param PATH_INFO $path_info;
      fastcgi_param HTTP_PROXY "";
      fastcgi_keep_conn on;
      fastcgi_pass heroku-fcgi;
    }
  }
}
