"""All commands on one page: what each is called, how, what for, and the function that runs it."""

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """`target` is "module:function" under `celadon.cli`, imported when the command is called."""

    target: str
    usage: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "apps": Entry("apps:list_apps", "", "list your apps"),
    "apps:create": Entry("apps:create", "[NAME]", "create a new app"),
    "apps:destroy": Entry("apps:destroy", "--app APP", "permanently destroy an app"),
    "apps:info": Entry("apps:info", "", "show the details of an app"),
    "apps:open": Entry("apps:open_app", "[PATH]", "open an app in a web browser"),
    "apps:rename": Entry("apps:rename", "NEWNAME", "give an app another name"),
    "auth:login": Entry("accounts:login", "", "log in to a platform"),
    "auth:logout": Entry("accounts:logout", "", "remove the credentials of a platform"),
    "auth:token": Entry("accounts:show_token", "", "print the API token in use"),
    "auth:whoami": Entry("accounts:whoami", "", "print who is logged in"),
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
    "config": Entry("config_vars:list_config_vars", "", "list the config vars of an app"),
    "config:edit": Entry("config_vars:edit", "[KEY]", "edit config vars in $EDITOR"),
    "config:get": Entry("config_vars:get", "KEY", "print the value of a config var"),
    "config:set": Entry("config_vars:set_config_vars", "KEY1=VALUE1 [KEY2=VALUE2 ...]", "set config vars"),
    "config:unset": Entry("config_vars:unset", "KEY1 [KEY2 ...]", "remove config vars"),
    "doctor": Entry("local_platform:doctor", "", "say what this machine lacks to run a platform"),
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
    "logs": Entry("logs:show", "", "print recent log lines, or follow them"),
    "maintenance": Entry("maintenance:show", "", "print whether an app is in maintenance mode"),
    "maintenance:off": Entry("maintenance:off", "", "take an app out of maintenance mode"),
    "maintenance:on": Entry("maintenance:on", "", "put an app into maintenance mode"),
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
    "ps": Entry("dynos:ps", "[TYPE ...]", "list the dynos of an app"),
    "ps:resize": Entry("formations:resize", "[TYPE=SIZE ...]", "change the size of dynos"),
    "ps:restart": Entry("dynos:restart", "[DYNO|TYPE]", "restart dynos"),
    "ps:scale": Entry("formations:scale", "[TYPE=QUANTITY[:SIZE] ...]", "change the number of dynos"),
    "ps:stop": Entry("dynos:stop", "DYNO|TYPE", "stop dynos; those of the formation start again"),
    "ps:wait": Entry("dynos:wait", "", "wait until all dynos run the latest release"),
    "regions": Entry("regions:list_regions", "", "list the regions of the platform"),
    "releases": Entry("releases:list_releases", "", "list the releases of an app"),
    "releases:info": Entry("releases:info", "[RELEASE]", "show the details of a release"),
    "releases:output": Entry("releases:output", "[RELEASE]", "print the output of a release phase"),
    "releases:rollback": Entry("releases:rollback", "[RELEASE]", "go back to an earlier release"),
    "run": Entry("run:attached", "COMMAND", "run a command in a one-off dyno, attached to the terminal"),
    "run:detached": Entry("run:detached", "COMMAND", "run a command in a one-off dyno, its output in the logs"),
    "stack": Entry("stacks:list_stacks", "", "list the stacks an app can use"),
    "version": Entry("guide:version", "", "print the version of this client"),
}

# Other names of the same commands: short ones, and those that Heroku has used over the years.
ALIASES: Mapping[str, str] = {
    "apps:delete": "apps:destroy",
    "clone": "git:clone",
    "config:add": "config:set",
    "config:remove": "config:unset",
    "create": "apps:create",
    "destroy": "apps:destroy",
    "info": "apps:info",
    "labs": "features",
    "labs:disable": "features:disable",
    "labs:enable": "features:enable",
    "labs:info": "features:info",
    "list": "apps",
    "login": "auth:login",
    "logout": "auth:logout",
    "open": "apps:open",
    "pipeline": "pipelines",
    "pipeline:add": "pipelines:add",
    "pipeline:diff": "pipelines:diff",
    "pipeline:promote": "pipelines:promote",
    "ps:kill": "ps:stop",
    "ps:type": "ps:resize",
    "rename": "apps:rename",
    "resize": "ps:resize",
    "restart": "ps:restart",
    "rollback": "releases:rollback",
    "scale": "ps:scale",
    "stop": "ps:stop",
    "token": "auth:token",
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
    "buildpacks": "buildpacks of an app",
    "builds": "builds of an app and their output",
    "certs": "certificates of an app's domains",
    "client": "using Heroku's own client",
    "doctor": "what this machine lacks to run a platform",
    "domains": "domain names of an app",
    "drains": "where an app's log lines are sent",
    "features": "what can be switched on and off for an app",
    "git": "git remotes and clones of apps",
    "help": "list commands, or explain one",
    "import": "bringing an app from Heroku",
    "keys": "SSH keys of your account",
    "maintenance": "maintenance mode of an app",
    "pipelines": "apps in stages, and promoting code between them",
    "platform": "the platform on this machine",
    "regions": "where apps can run",
    "stack": "the system that apps run on",
    "version": "the version of this client",
}


def topic_of(name: str) -> str:
    return name.partition(":")[0]


def called(name: str) -> list[str]:
    """A command's other names."""
    return sorted(alias for alias, target in ALIASES.items() if target == name)
