# The environment of a dyno: sourced by bash before the app's own command.
export PATH="$PATH:$HOME/bin"
if [ -d "$HOME/.heroku/go" ]; then
  export GOROOT="$HOME/.heroku/go" GOTOOLCHAIN=local PATH="$PATH:$HOME/.heroku/go/bin"
fi
if [ -d "$HOME/.heroku/gopath" ]; then
  export GOPATH="$HOME/.heroku/gopath" PATH="$PATH:$HOME/.heroku/gopath/bin"
fi
