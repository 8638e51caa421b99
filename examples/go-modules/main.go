// A page that says which Go and which dyno answered.
package main

import (
	"log"
	"net/http"
	"os"
	"runtime"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	router := chi.NewRouter()
	router.Use(middleware.Logger)
	router.Get("/", func(response http.ResponseWriter, request *http.Request) {
		write(response, "Hello from "+os.Getenv("DYNO")+", "+runtime.Version()+"\n")
	})
	router.Get("/hello/{name}", func(response http.ResponseWriter, request *http.Request) {
		write(response, "Hello "+chi.URLParam(request, "name")+"\n")
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), router))
}

func write(response http.ResponseWriter, text string) {
	response.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := response.Write([]byte(text)); err != nil {
		log.Print(err)
	}
}
