(ns hello.core
  (:require [clojure.data.json :as json])
  (:import (com.sun.net.httpserver HttpHandler HttpServer)
           (java.net InetSocketAddress)))

(def port (parse-long (or (System/getenv "PORT") "8080")))

(defn answer [exchange]
  (let [page (.getBytes (json/write-str {:hello "Clojure" :path (str (.getRequestURI exchange))}))]
    (.sendResponseHeaders exchange 200 (count page))
    (with-open [body (.getResponseBody exchange)]
      (.write body page))))

(defn -main []
  (doto (HttpServer/create (InetSocketAddress. port) 0)
    (.createContext "/" (reify HttpHandler (handle [_ exchange] (answer exchange))))
    (.start)))
