"""All commands on one page: what each is called, how, what for, and the function that runs it.

A table of one row a command, and so as long as there are commands: whoever looks for one finds it here, and nothing else.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """`target` is "module:function" under `celadon.cli`, imported when the command is called."""

    target: str
    usage: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "2fa": Entry("two_factor:show", "", "print whether two-factor authentication is enabled"),
    "2fa:disable": Entry("two_factor:disable", "", "disable two-factor authentication"),
    "2fa:enable": Entry("two_factor:enable", "", "enable two-factor authentication"),
    "2fa:generate-recovery-codes": Entry("two_factor:generate_recovery_codes", "", "make codes for a lost phone"),
    "access": Entry("collaborators:list_collaborators", "", "list who may work on an app"),
    "access:add": Entry("collaborators:add", "EMAIL", "let somebody work on an app"),
    "access:remove": Entry("collaborators:remove", "EMAIL", "end somebody's work on an app"),
    "access:update": Entry("collaborators:update", "EMAIL --permissions LIST", "change permissions on a team's app"),
    "account": Entry("account:show", "", "show your account"),
    "account:delete": Entry("account:delete", "--confirm EMAIL", "delete your account"),
    "account:email": Entry("account:change_email", "EMAIL", "use another e-mail address"),
    "account:password": Entry("account:change_password", "", "change your password"),
    "activity": Entry("events:activity", "", "show what happened to an app, and by whom"),
    "addons": Entry("addons:list_addons", "", "list add-ons and what they cost"),
    "addons:attach": Entry("attachments:attach", "ADDON", "attach an add-on to an app"),
    "addons:create": Entry("addons:create", "SERVICE[:PLAN] [--OPTION=VALUE ...]", "add an add-on to an app"),
    "addons:destroy": Entry("addons:destroy", "ADDON ...", "permanently destroy an add-on"),
    "addons:detach": Entry("attachments:detach", "ATTACHMENT", "detach an add-on from an app"),
    "addons:docs": Entry("addons:docs", "SERVICE", "open the documentation of an add-on service"),
    "addons:info": Entry("addons:info", "ADDON", "show an add-on and its attachments"),
    "addons:open": Entry("addons:open_addon", "ADDON", "open the page of an add-on in a web browser"),
    "addons:plans": Entry("addons:plans", "SERVICE", "list the plans of an add-on service"),
    "addons:providers": Entry("addon_providers:list_providers", "", "list third parties that offer add-ons"),
    "addons:providers:add": Entry("addon_providers:add", "MANIFEST [--url URL]", "offer the add-ons of a third party"),
    "addons:providers:remove": Entry("addon_providers:remove", "SERVICE", "offer add-ons of a third party no more"),
    "addons:providers:test": Entry(
        "addon_providers:check", "MANIFEST [--url URL] [OPTION...]", "check a provider of add-ons"
    ),
    "addons:rename": Entry("addons:rename", "ADDON NEWNAME", "give an add-on another name"),
    "addons:services": Entry("addons:services", "", "list what add-ons there are"),
    "addons:upgrade": Entry("addons:upgrade", "ADDON [PLAN]", "move an add-on to another plan"),
    "addons:wait": Entry("addon_waiting:wait", "[ADDON]", "wait until add-ons are there, or gone"),
    "apps": Entry("apps:list_apps", "", "list your apps"),
    "apps:create": Entry("apps:create", "[NAME]", "create a new app"),
    "apps:destroy": Entry("apps:destroy", "--app APP", "permanently destroy an app"),
    "apps:favorites": Entry("favourites:list_favorites", "", "list your favourite apps"),
    "apps:favorites:add": Entry(
        "favourites:add", "--app APP", "make an app a favourite: it comes first in the dashboard"
    ),
    "apps:favorites:remove": Entry("favourites:remove", "--app APP", "make an app no favourite any more"),
    "apps:info": Entry("apps:info", "", "show the details of an app"),
    "apps:join": Entry("teams:join", "", "put yourself on an app of a team"),
    "apps:leave": Entry("teams:leave", "", "take yourself off an app of a team"),
    "apps:lock": Entry("teams:lock", "", "lock an app of a team to those who are on it"),
    "apps:open": Entry("apps:open_app", "[PATH]", "open an app in a web browser"),
    "apps:rename": Entry("apps:rename", "NEWNAME", "give an app another name"),
    "apps:transfer": Entry("app_transfers:create", "RECIPIENT", "offer an app to a collaborator, or hand it to a team"),
    "apps:transfer:accept": Entry("app_transfers:accept", "[APP]", "take an app that you are offered"),
    "apps:transfer:cancel": Entry("app_transfers:cancel", "[APP]", "take an offer of an app back"),
    "apps:transfer:decline": Entry("app_transfers:decline", "[APP]", "turn an app down that you are offered"),
    "apps:transfers": Entry("app_transfers:list_transfers", "", "list apps that you offer and are offered"),
    "apps:unlock": Entry("teams:unlock", "", "open a locked app to all members of its team"),
    "auth:login": Entry("accounts:login", "", "log in to a platform"),
    "auth:logout": Entry("accounts:logout", "", "remove the credentials of a platform"),
    "auth:token": Entry("accounts:show_token", "", "print the API token in use"),
    "auth:whoami": Entry("accounts:whoami", "", "print who is logged in"),
    "authorizations": Entry("authorizations:list_authorizations", "", "list your API tokens"),
    "authorizations:create": Entry("authorizations:create", "", "make an API token"),
    "authorizations:info": Entry("authorizations:info", "ID", "show an API token"),
    "authorizations:revoke": Entry("authorizations:revoke", "ID", "end an API token"),
    "authorizations:rotate": Entry("authorizations:rotate", "ID", "replace an API token"),
    "authorizations:update": Entry("authorizations:update", "ID", "describe an API token otherwise"),
    "buildpacks": Entry("buildpacks:list_buildpacks", "", "list the buildpacks of an app"),
    "buildpacks:add": Entry("buildpacks:add", "BUILDPACK", "add a buildpack"),
    "buildpacks:clear": Entry("buildpacks:clear", "", "remove all buildpacks; the language is detected then"),
    "buildpacks:remove": Entry("buildpacks:remove", "[BUILDPACK]", "remove a buildpack"),
    "buildpacks:set": Entry("buildpacks:set_buildpack", "BUILDPACK", "set the buildpack"),
    "builds": Entry("builds:list_builds", "", "list recent builds"),
    "builds:cache:purge": Entry("builds:purge_cache", "", "remove what builds keep for the next ones"),
    "builds:cancel": Entry("builds:cancel", "[BUILD]", "stop a build that runs"),
    "builds:create": Entry(
        "builds:create", "--source-tar FILE|--source-url URL", "build a source archive, without git"
    ),
    "builds:info": Entry("builds:info", "[BUILD]", "show the details of a build"),
    "builds:output": Entry("builds:output", "[BUILD]", "print the output of a build, as it comes"),
    "certs": Entry("certs:list_certs", "", "list the certificates of an app"),
    "certs:add": Entry("certs:add", "CRT [CHAIN ...] KEY", "add a certificate"),
    "certs:auto": Entry("certs:auto", "", "show how far automatic certificates are"),
    "certs:auto:disable": Entry("certs:disable", "", "switch automatic certificates off"),
    "certs:auto:enable": Entry("certs:enable", "", "get and renew certificates automatically"),
    "certs:auto:refresh": Entry("certs:refresh", "", "try again for domains without a certificate"),
    "certs:chain": Entry("certs:chain", "CRT [CRT ...]", "print certificates of files in their order"),
    "certs:generate": Entry("certs:generate", "DOMAIN", "make a key, and a request or a certificate"),
    "certs:info": Entry("certs:info", "", "show a certificate"),
    "certs:key": Entry("certs:key", "CRT KEY [KEY ...]", "print the key that belongs to a certificate"),
    "certs:remove": Entry("certs:remove", "", "remove a certificate"),
    "certs:update": Entry("certs:update", "CRT [CHAIN ...] KEY", "replace a certificate"),
    "client:env": Entry("environment:env", "", "print the environment for Heroku's own client and git"),
    "clients": Entry("oauth_clients:list_clients", "", "list your OAuth clients"),
    "clients:create": Entry("oauth_clients:create", "NAME REDIRECT_URI", "make an OAuth client"),
    "clients:destroy": Entry("oauth_clients:destroy", "ID", "destroy an OAuth client"),
    "clients:info": Entry("oauth_clients:info", "ID", "show an OAuth client"),
    "clients:rotate": Entry("oauth_clients:rotate", "ID", "give an OAuth client another secret"),
    "clients:update": Entry("oauth_clients:update", "ID", "change an OAuth client"),
    "config": Entry("config_vars:list_config_vars", "", "list the config vars of an app"),
    "config:edit": Entry("config_vars:edit", "[KEY]", "edit config vars in $EDITOR"),
    "config:get": Entry("config_vars:get", "KEY", "print the value of a config var"),
    "config:set": Entry("config_vars:set_config_vars", "KEY1=VALUE1 [KEY2=VALUE2 ...]", "set config vars"),
    "config:unset": Entry("config_vars:unset", "KEY1 [KEY2 ...]", "remove config vars"),
    "doctor": Entry("local_platform:doctor", "", "say what this machine lacks to run a platform"),
    "dataclips": Entry("dataclips:list_dataclips", "", "list the dataclips of an app's databases"),
    "dataclips:create": Entry("dataclips:create", "SQL", "keep a query of a database"),
    "dataclips:destroy": Entry("dataclips:destroy", "DATACLIP", "destroy a dataclip"),
    "dataclips:info": Entry("dataclips:info", "DATACLIP", "show a dataclip"),
    "dataclips:revoke": Entry("dataclips:revoke", "DATACLIP", "end the link of a dataclip"),
    "dataclips:run": Entry("dataclips:run", "DATACLIP", "run a dataclip and print its result"),
    "dataclips:share": Entry("dataclips:share", "DATACLIP", "make a link that shows a dataclip's result"),
    "dataclips:update": Entry("dataclips:update", "DATACLIP", "change a dataclip, as another version"),
    "domains": Entry("domains:list_domains", "", "list the domain names of an app"),
    "drains": Entry("drains:list_drains", "", "list the log drains of an app"),
    "drains:add": Entry("drains:add", "URL", "add a log drain"),
    "drains:remove": Entry("drains:remove", "URL|TOKEN", "remove a log drain"),
    "features": Entry("features:list_features", "", "list what can be switched on and off for an app"),
    "features:disable": Entry("features:disable", "FEATURE", "switch a feature off"),
    "features:enable": Entry("features:enable", "FEATURE", "switch a feature on"),
    "features:info": Entry("features:info", "FEATURE", "show what a feature does"),
    "domains:add": Entry("domains:add", "DOMAIN", "give an app a domain name"),
    "domains:clear": Entry("domains:clear", "", "take all domain names from an app"),
    "domains:info": Entry("domains:info", "DOMAIN", "show a domain name of an app"),
    "domains:remove": Entry("domains:remove", "DOMAIN", "take a domain name from an app"),
    "domains:wait": Entry("domains:wait", "[DOMAIN]", "wait until DNS leads a domain name here"),
    "git:clone": Entry("git:clone", "APP [DIRECTORY]", "clone the code of an app"),
    "git:credentials": Entry("git:answer", "get", "answer git, which asks for a platform's credentials"),
    "git:remote": Entry("git:remote", "", "add the git remote of an app to this repository"),
    "help": Entry("guide:show", "[TOPIC]", "list commands, or explain one"),
    "import": Entry("import_app:import_app", "APP", "bring an app from Heroku"),
    "keys": Entry("keys:list_keys", "", "list your SSH keys"),
    "keys:add": Entry("keys:add", "[FILE]", "add an SSH key"),
    "keys:clear": Entry("keys:clear", "", "remove all your SSH keys"),
    "keys:remove": Entry("keys:remove", "KEY", "remove an SSH key"),
    "labs": Entry("features:list_labs", "", "list the labs features of your account and of an app"),
    "logs": Entry("logs:show", "", "print recent log lines, or follow them"),
    "maintenance": Entry("maintenance:show", "", "print whether an app is in maintenance mode"),
    "maintenance:off": Entry("maintenance:off", "", "take an app out of maintenance mode"),
    "maintenance:on": Entry("maintenance:on", "", "put an app into maintenance mode"),
    "members": Entry("teams:list_members", "--team TEAM", "list the members of a team"),
    "members:add": Entry("teams:add", "EMAIL --role ROLE --team TEAM", "invite somebody into a team"),
    "members:remove": Entry("teams:remove", "EMAIL --team TEAM", "take somebody out of a team"),
    "members:set": Entry("teams:set_role", "EMAIL --role ROLE --team TEAM", "change the role of a member"),
    "pg": Entry("postgres:info", "[DATABASE]", "show the databases of an app"),
    "pg:backups": Entry("pg_backups:list_backups", "", "list the backups of an app's databases"),
    "pg:backups:cancel": Entry("pg_backups:cancel", "[BACKUP_ID]", "cancel a backup or restore that runs"),
    "pg:backups:capture": Entry("pg_backups:capture", "[DATABASE]", "back a database up now"),
    "pg:backups:delete": Entry("pg_backups:delete", "BACKUP_ID", "delete a backup"),
    "pg:backups:download": Entry("pg_backups:download", "[BACKUP_ID]", "download a backup"),
    "pg:backups:info": Entry("pg_backups:info", "[BACKUP_ID]", "show a backup and what its programs said"),
    "pg:backups:restore": Entry(
        "pg_backups:restore", "[BACKUP_ID|URL] [DATABASE]", "replace what a database holds by a backup"
    ),
    "pg:backups:schedule": Entry(
        "pg_backups:schedule", "[DATABASE] --at 'HOUR:00 ZONE'", "back a database up each day, and check it"
    ),
    "pg:backups:schedules": Entry("pg_backups:schedules", "", "list the schedules of backups"),
    "pg:backups:unschedule": Entry("pg_backups:unschedule", "[DATABASE]", "stop the daily backups of a database"),
    "pg:backups:url": Entry("pg_backups:url", "[BACKUP_ID]", "print a URL of a backup, good for ten minutes"),
    "pg:bloat": Entry("pg_statistics:bloat", "[DATABASE]", "show how much of tables and indexes is empty"),
    "pg:blocking": Entry("pg_statistics:blocking", "[DATABASE]", "show which statements wait for which others"),
    "pg:cache-hit": Entry("pg_statistics:cache_hit", "[DATABASE]", "show how much is read from memory"),
    "pg:calls": Entry("pg_statistics:calls", "[DATABASE]", "show the statements that are executed most often"),
    "pg:copy": Entry("pg_backups:copy", "SOURCE TARGET", "replace what a database holds by what another one does"),
    "pg:credentials": Entry("pg_credentials:list_credentials", "[DATABASE]", "list the credentials of a database"),
    "pg:credentials:create": Entry(
        "pg_credentials:create", "[DATABASE] --name NAME", "create a credential with rights of its own"
    ),
    "pg:credentials:destroy": Entry("pg_credentials:destroy", "[DATABASE] --name NAME", "destroy a credential"),
    "pg:credentials:repair-default": Entry(
        "pg_credentials:repair_default", "[DATABASE]", "make everything in a database the default credential's again"
    ),
    "pg:credentials:rotate": Entry("pg_credentials:rotate", "[DATABASE]", "give credentials new passwords"),
    "pg:credentials:url": Entry("pg_credentials:url", "[DATABASE]", "show how to connect to a database"),
    "pg:diagnose": Entry("pg_diagnose:diagnose", "[DATABASE|REPORT_ID]", "report on the health of a database"),
    "pg:index-size": Entry("pg_statistics:index_size", "[DATABASE]", "show the sizes of indexes"),
    "pg:index-usage": Entry("pg_statistics:index_usage", "[DATABASE]", "show how often tables are read by an index"),
    "pg:kill": Entry("pg_statistics:kill", "PID [DATABASE]", "cancel what a connection does"),
    "pg:killall": Entry("postgres:killall", "[DATABASE]", "end all connections of a database"),
    "pg:locks": Entry("pg_statistics:locks", "[DATABASE]", "show who holds locks that keep others out"),
    "pg:long-running-queries": Entry(
        "pg_statistics:long_running_queries", "[DATABASE]", "show what has run for more than five minutes"
    ),
    "pg:maintenance": Entry(
        "pg_maintenance:info", "[DATABASE]", "show what waits for a restart of a database's server"
    ),
    "pg:maintenance:run": Entry("pg_maintenance:run", "[DATABASE]", "restart a database's server now"),
    "pg:maintenance:window": Entry(
        "pg_maintenance:window", "[DATABASE] [DAY TIME]", "show or set when a database's server may be restarted"
    ),
    "pg:outliers": Entry("pg_statistics:outliers", "[DATABASE]", "show the statements that take most of the time"),
    "pg:promote": Entry("postgres:promote", "DATABASE", "make a database the app's DATABASE_URL"),
    "pg:ps": Entry("pg_statistics:ps", "[DATABASE]", "show what is going on in a database"),
    "pg:psql": Entry("postgres:psql", "[DATABASE]", "open a prompt of a database"),
    "pg:pull": Entry("pg_moves:pull", "DATABASE TARGET", "copy a database to this machine, or to a URL"),
    "pg:push": Entry(
        "pg_moves:push", "SOURCE DATABASE", "copy a database of this machine, or of a URL, into one of an app"
    ),
    "pg:records-rank": Entry("pg_statistics:records_rank", "[DATABASE]", "show how many rows tables have"),
    "pg:reset": Entry("postgres:reset", "[DATABASE]", "delete everything in a database"),
    "pg:seq-scans": Entry("pg_statistics:seq_scans", "[DATABASE]", "show how often tables are read from end to end"),
    "pg:settings": Entry("pg_settings:show", "[DATABASE]", "show the settings of a database's server"),
    "pg:settings:auto-explain": Entry(
        "pg_settings:auto_explain", "[DATABASE] [VALUE]", "show or set whether plans of statements are logged"
    ),
    "pg:settings:auto-explain:log-analyze": Entry(
        "pg_settings:auto_explain_log_analyze", "[DATABASE] [VALUE]", "show or set whether plans have real times"
    ),
    "pg:settings:auto-explain:log-buffers": Entry(
        "pg_settings:auto_explain_log_buffers", "[DATABASE] [VALUE]", "show or set whether plans tell of buffers"
    ),
    "pg:settings:auto-explain:log-format": Entry(
        "pg_settings:auto_explain_log_format", "[DATABASE] [VALUE]", "show or set how plans are written"
    ),
    "pg:settings:auto-explain:log-min-duration": Entry(
        "pg_settings:auto_explain_log_min_duration", "[DATABASE] [VALUE]", "show or set which plans are logged"
    ),
    "pg:settings:auto-explain:log-nested-statements": Entry(
        "pg_settings:auto_explain_log_nested_statements",
        "[DATABASE] [VALUE]",
        "show or set whether nested statements count",
    ),
    "pg:settings:auto-explain:log-triggers": Entry(
        "pg_settings:auto_explain_log_triggers", "[DATABASE] [VALUE]", "show or set whether plans tell of triggers"
    ),
    "pg:settings:auto-explain:log-verbose": Entry(
        "pg_settings:auto_explain_log_verbose", "[DATABASE] [VALUE]", "show or set whether plans are verbose"
    ),
    "pg:settings:log-connections": Entry(
        "pg_settings:log_connections", "[DATABASE] [VALUE]", "show or set whether logins are logged"
    ),
    "pg:settings:log-lock-waits": Entry(
        "pg_settings:log_lock_waits", "[DATABASE] [VALUE]", "show or set whether waiting for locks is logged"
    ),
    "pg:settings:log-min-duration-statement": Entry(
        "pg_settings:log_min_duration_statement",
        "[DATABASE] [VALUE]",
        "show or set how slow a statement is that is logged",
    ),
    "pg:settings:log-min-error-statement": Entry(
        "pg_settings:log_min_error_statement", "[DATABASE] [VALUE]", "show or set which failures are logged"
    ),
    "pg:settings:log-statement": Entry(
        "pg_settings:log_statement", "[DATABASE] [VALUE]", "show or set which statements are logged"
    ),
    "pg:settings:track-functions": Entry(
        "pg_settings:track_functions", "[DATABASE] [VALUE]", "show or set calls of which functions are counted"
    ),
    "pg:table-indexes-size": Entry(
        "pg_statistics:table_indexes_size", "[DATABASE]", "show the sizes of each table's indexes"
    ),
    "pg:table-size": Entry("pg_statistics:table_size", "[DATABASE]", "show the sizes of tables"),
    "pg:total-index-size": Entry("pg_statistics:total_index_size", "[DATABASE]", "show the size of all indexes"),
    "pg:total-table-size": Entry(
        "pg_statistics:total_table_size", "[DATABASE]", "show the sizes of tables with their indexes"
    ),
    "pg:unfollow": Entry("postgres:unfollow", "FOLLOWER", "make a follower a database of its own"),
    "pg:unused-indexes": Entry("pg_statistics:unused_indexes", "[DATABASE]", "show indexes that are hardly ever read"),
    "pg:upgrade": Entry("pg_upgrades:upgrade", "FOLLOWER", "make a follower a database of its own, and upgrade it"),
    "pg:upgrade:cancel": Entry("pg_upgrades:cancel", "[DATABASE]", "give an upgrade up that has not begun"),
    "pg:upgrade:dryrun": Entry("pg_upgrades:dry_run", "[DATABASE]", "try an upgrade with a copy of a database"),
    "pg:upgrade:prepare": Entry("pg_upgrades:prepare", "[DATABASE]", "try an upgrade, and be ready to run it"),
    "pg:upgrade:run": Entry("pg_upgrades:run", "[DATABASE]", "upgrade a database to a newer PostgreSQL"),
    "pg:upgrade:wait": Entry("pg_upgrades:wait", "[DATABASE]", "wait for the end of an upgrade"),
    "pg:user-connections": Entry("pg_statistics:user_connections", "[DATABASE]", "count the connections of each user"),
    "pg:vacuum-stats": Entry(
        "pg_statistics:vacuum_stats", "[DATABASE]", "show dead rows, and when they were last removed"
    ),
    "pg:wait": Entry("postgres:wait", "[DATABASE]", "wait until a database is available"),
    "pipelines": Entry("pipelines:list_pipelines", "", "list your pipelines"),
    "pipelines:add": Entry("pipelines:add", "PIPELINE", "add an app to a pipeline"),
    "pipelines:create": Entry("pipelines:create", "[NAME]", "create a pipeline with a first app"),
    "pipelines:destroy": Entry("pipelines:destroy", "PIPELINE", "destroy a pipeline, not its apps"),
    "pipelines:diff": Entry("promotions:diff", "", "compare an app's code with the next stage's"),
    "pipelines:info": Entry("pipelines:info", "PIPELINE", "show the apps of a pipeline"),
    "pipelines:promote": Entry("promotions:promote", "", "promote an app's code to the next stage"),
    "pipelines:remove": Entry("pipelines:remove", "", "remove an app from its pipeline"),
    "pipelines:rename": Entry("pipelines:rename", "PIPELINE NAME", "give a pipeline another name"),
    "pipelines:transfer": Entry("pipelines:transfer", "OWNER --pipeline PIPELINE", "give a pipeline to somebody else"),
    "pipelines:update": Entry("pipelines:update", "--stage STAGE", "move an app to another stage"),
    "platform:ca": Entry("certs:show_ca", "", "print the platform's certificate authority"),
    "platform:info": Entry("local_platform:info", "", "show the details of a platform on this machine"),
    "platform:invite": Entry("invitations:create", "EMAIL", "invite somebody to make an account"),
    "platform:outbox": Entry("mails:outbox", "", "show the letters of the platform"),
    "ps": Entry("dynos:ps", "[TYPE ...]", "list the dynos of an app"),
    "ps:exec": Entry("exec:enter", "[COMMAND]", "open a shell, or run a command, in a dyno that is up"),
    "ps:resize": Entry("formations:resize", "[TYPE=SIZE ...]", "change the size of dynos"),
    "ps:restart": Entry("dynos:restart", "[DYNO|TYPE]", "restart dynos"),
    "ps:scale": Entry("formations:scale", "[TYPE=QUANTITY[:SIZE] ...]", "change the number of dynos"),
    "ps:stop": Entry("dynos:stop", "DYNO|TYPE", "stop dynos; those of the formation start again"),
    "ps:wait": Entry("dynos:wait", "", "wait until all dynos run the latest release"),
    "redis": Entry("redis:info", "[DATABASE]", "show the Redis of an app"),
    "redis:cli": Entry("redis:cli", "[DATABASE]", "open a prompt of Redis"),
    "redis:credentials": Entry("redis:credentials", "[DATABASE]", "print the address of Redis, or change its password"),
    "redis:keyspace-notifications": Entry(
        "redis:keyspace_notifications", "[DATABASE] --config EVENTS", "set which events of keys are published"
    ),
    "redis:maxmemory": Entry("redis:maxmemory", "[DATABASE] --policy POLICY", "set what a full Redis does"),
    "redis:promote": Entry("redis:promote", "DATABASE", "make a Redis the app's REDIS_URL"),
    "redis:stats-reset": Entry("redis:stats_reset", "[DATABASE]", "begin the statistics of Redis anew"),
    "redis:timeout": Entry("redis:timeout", "[DATABASE] --seconds SECONDS", "set when silent connections are closed"),
    "redis:wait": Entry("redis:wait", "[DATABASE]", "wait until a Redis is available"),
    "regions": Entry("regions:list_regions", "", "list the regions of the platform"),
    "releases": Entry("releases:list_releases", "", "list the releases of an app"),
    "releases:info": Entry("releases:info", "[RELEASE]", "show the details of a release"),
    "releases:output": Entry("releases:output", "[RELEASE]", "print the output of a release phase"),
    "releases:rollback": Entry("releases:rollback", "[RELEASE]", "go back to an earlier release"),
    "run": Entry("run:attached", "COMMAND", "run a command in a one-off dyno, attached to the terminal"),
    "run:console": Entry("run:console", "[COMMAND]", "the old way to say `run console`"),
    "run:detached": Entry("run:detached", "COMMAND", "run a command in a one-off dyno, its output in the logs"),
    "run:inside": Entry("exec:run_inside", "DYNO COMMAND", "run a command in a dyno that is up"),
    "run:rake": Entry("run:rake", "COMMAND", "the old way to say `run rake`"),
    "scheduler": Entry("scheduler_jobs:list_jobs", "", "list the jobs of an app's scheduler, and how they went"),
    "scheduler:add": Entry("scheduler_jobs:add", "COMMAND", "run a command every ten minutes, hour or day"),
    "scheduler:remove": Entry("scheduler_jobs:remove", "JOB", "run a job no more"),
    "scheduler:run": Entry("scheduler_jobs:run", "JOB", "run a job now"),
    "scheduler:update": Entry("scheduler_jobs:update", "JOB", "change a job"),
    "sessions": Entry("sessions:list_sessions", "", "list your logins by a browser"),
    "sessions:destroy": Entry("sessions:destroy", "ID", "end a login by a browser"),
    "stack": Entry("stacks:list_stacks", "", "list the stacks an app can use"),
    "status": Entry("status:show", "", "show whether the platform has issues"),
    "teams": Entry("teams:list_teams", "", "list the teams that you are in"),
    "teams:accept": Entry("teams:accept", "TOKEN", "accept an invitation into a team"),
    "teams:create": Entry("teams:create", "NAME", "create a team"),
    "teams:destroy": Entry("teams:destroy", "TEAM", "delete a team that has no apps"),
    "teams:rename": Entry("teams:rename", "NEWNAME --team TEAM", "give a team another name"),
    "version": Entry("guide:version", "", "print the version of this client"),
    "webhooks": Entry("webhooks:list_webhooks", "", "list the webhooks of an app"),
    "webhooks:add": Entry("webhooks:add", "-i ENTITIES -l LEVEL -u URL", "tell a URL what happens to an app"),
    "webhooks:deliveries": Entry("webhooks:list_deliveries", "", "list deliveries of webhooks"),
    "webhooks:deliveries:info": Entry("webhooks:delivery_info", "DELIVERY", "show a delivery and what it tells"),
    "webhooks:events": Entry("webhooks:list_events", "", "list what webhooks were to be told"),
    "webhooks:events:info": Entry("webhooks:event_info", "EVENT", "show what webhooks were to be told"),
    "webhooks:info": Entry("webhooks:info", "WEBHOOK", "show a webhook of an app"),
    "webhooks:remove": Entry("webhooks:remove", "WEBHOOK", "remove a webhook from an app"),
    "webhooks:update": Entry("webhooks:update", "WEBHOOK", "change a webhook of an app"),
}

# Other names of the same commands: short ones, and those that Heroku has used over the years.
ALIASES: Mapping[str, str] = {
    "addons:add": "addons:create",
    "addons:downgrade": "addons:upgrade",
    "addons:list": "addons:services",
    "addons:remove": "addons:destroy",
    "apps:delete": "apps:destroy",
    "auth:2fa": "2fa",
    "auth:2fa:disable": "2fa:disable",
    "auth:2fa:enable": "2fa:enable",
    "auth:2fa:generate-recovery-codes": "2fa:generate-recovery-codes",
    "authorizations:destroy": "authorizations:revoke",
    "clone": "git:clone",
    "config:add": "config:set",
    "config:remove": "config:unset",
    "console": "run:console",
    "create": "apps:create",
    "db:pull": "pg:pull",
    "db:push": "pg:push",
    "destroy": "apps:destroy",
    "info": "apps:info",
    "join": "apps:join",
    "labs:disable": "features:disable",
    "labs:enable": "features:enable",
    "labs:info": "features:info",
    "leave": "apps:leave",
    "list": "apps",
    "lock": "apps:lock",
    "login": "auth:login",
    "logout": "auth:logout",
    "pgbackups": "pg:backups",
    "pgbackups:capture": "pg:backups:capture",
    "pgbackups:destroy": "pg:backups:delete",
    "pgbackups:restore": "pg:backups:restore",
    "pgbackups:url": "pg:backups:url",
    "open": "apps:open",
    "orgs": "teams",
    "pg:info": "pg",
    "pg:maintenance:info": "pg:maintenance",
    "pg:maintenance:set-window": "pg:maintenance:window",
    "pipeline": "pipelines",
    "pipeline:add": "pipelines:add",
    "pipeline:diff": "pipelines:diff",
    "pipeline:promote": "pipelines:promote",
    "ps:kill": "ps:stop",
    "ps:type": "ps:resize",
    "rake": "run:rake",
    "redis:info": "redis",
    "rename": "apps:rename",
    "resize": "ps:resize",
    "restart": "ps:restart",
    "rollback": "releases:rollback",
    "scale": "ps:scale",
    "sharing": "access",
    "sharing:add": "access:add",
    "sharing:remove": "access:remove",
    "sharing:transfer": "apps:transfer",
    "stop": "ps:stop",
    "token": "auth:token",
    "transfer": "apps:transfer",
    "unlock": "apps:unlock",
    "twofactor": "2fa",
    "twofactor:disable": "2fa:disable",
    "twofactor:generate-recovery-codes": "2fa:generate-recovery-codes",
    "whoami": "auth:whoami",
}

# Topics and what they are about; the primary ones are shown first.
PRIMARY: Mapping[str, str] = {
    "apps": "create, list and destroy apps",
    "auth": "log in and out, show who is logged in",
    "config": "config vars of an app",
    "logs": "log lines of an app",
    "ps": "dynos: list, scale, restart, stop",
    "releases": "releases of an app, and going back to one",
    "run": "one-off dynos",
}
ADDITIONAL: Mapping[str, str] = {
    "2fa": "two-factor authentication of your account",
    "access": "who may work on an app",
    "account": "your account, its password and address",
    "activity": "what happened to an app, and by whom",
    "addons": "add-ons of apps: databases, caches and other services",
    "authorizations": "API tokens of your account",
    "buildpacks": "buildpacks of an app",
    "builds": "builds of an app and their output",
    "certs": "certificates of an app's domains",
    "client": "using Heroku's own client",
    "clients": "OAuth clients: programs that act for others",
    "dataclips": "kept queries of databases, and links to their results",
    "doctor": "what this machine lacks to run a platform",
    "domains": "domain names of an app",
    "drains": "where an app's log lines are sent",
    "features": "what can be switched on and off for an app",
    "git": "git remotes and clones of apps",
    "help": "list commands, or explain one",
    "import": "bringing an app from Heroku",
    "keys": "SSH keys of your account",
    "labs": "labs features of your account and of an app",
    "maintenance": "maintenance mode of an app",
    "members": "members of a team",
    "pg": "databases of an app",
    "pipelines": "apps in stages, and promoting code between them",
    "platform": "the platform on this machine, and what its operator does",
    "redis": "Redis of an app",
    "regions": "where apps can run",
    "scheduler": "commands that an app runs by itself",
    "sessions": "your logins by a browser",
    "stack": "the system that apps run on",
    "status": "whether the platform has issues",
    "teams": "teams: people who own apps together",
    "version": "the version of this client",
    "webhooks": "who is told what happens to an app",
}


def topic_of(name: str) -> str:
    return name.partition(":")[0]


def below(name: str) -> list[str]:
    """Commands of a topic or command that are of no other command below it: of `pg` pg:backups, not pg:backups:url."""
    found = [one for one in COMMANDS if one.startswith(f"{name}:")]
    return [one for one in found if not any(one.startswith(f"{other}:") for other in found)]


def called(name: str) -> list[str]:
    """A command's other names."""
    return sorted(alias for alias, target in ALIASES.items() if target == name)
