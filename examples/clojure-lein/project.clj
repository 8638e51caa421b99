(defproject hello "1.0"
  :min-lein-version "2.9.0"
  :dependencies [[org.clojure/clojure "1.12.3"]
                 [org.clojure/data.json "2.5.1"]]
  :main ^:skip-aot hello.core
  :uberjar-name "hello.jar"
  :profiles {:uberjar {:aot :all}})
