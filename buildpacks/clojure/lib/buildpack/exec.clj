(ns buildpack.exec
  "clojure -X and -T: calls one function with a map. It runs on the app's classpath, so it needs nothing but Clojure."
  (:require [clojure.edn :as edn] [clojure.string :as string])
  (:import (java.util.concurrent Executors ThreadFactory)))

(defn- refuse [& words]
  (throw (ex-info (string/join " " words) {::said true})))

(defn- read-words [words]
  (mapv (fn [word]
          (try (edn/read-string {:default tagged-literal} word)
               (catch Exception _ (refuse "cannot read the argument" (pr-str word)))))
        words))

(defn- qualified
  "The whole name of a function that may be short, by the :ns-default and :ns-aliases of the aliases."
  [function {:keys [ns-default ns-aliases]}]
  (cond
    (not (symbol? function)) (refuse "a function's name is needed, not" (pr-str function))
    (namespace function) (symbol (str (get ns-aliases (symbol (namespace function)) (namespace function))) (name function))
    ns-default (symbol (str ns-default) (name function))
    :else (refuse function "names no namespace, and no alias has a :ns-default.")))

(defn- put [arguments [path value]]
  (if (vector? path) (assoc-in arguments path value) (assoc arguments path value)))

(defn request
  "Of the words after -X or -T and the aliases' data: the function's name and the map it is called with."
  [words {:keys [exec-fn exec-args] :as data}]
  (let [named (when (symbol? (first words)) (first words))
        pairs (if named (rest words) words)
        last-map (when (odd? (count pairs)) (last pairs))]
    (when-not (or (nil? last-map) (map? last-map)) (refuse "no value is given for" (pr-str last-map)))
    [(qualified (or named exec-fn (refuse "no function is named, and no alias has an :exec-fn.")) data)
     (merge (reduce put exec-args (partition 2 pairs)) last-map)]))

(defn- load-function [function]
  (try (require (symbol (namespace function)))
       (catch java.io.FileNotFoundException error
         (refuse "cannot load the namespace" (str (namespace function) ":") (.getMessage error))))
  (or (resolve function) (refuse "there is no" (name function) "in" (namespace function))))

(defn- let-futures-end
  "A future that has ended would keep the program alive for another minute: its thread becomes one that Java does not wait for."
  []
  (set-agent-send-off-executor!
   (Executors/newCachedThreadPool
    (reify ThreadFactory
      (newThread [_ task] (doto (Thread. ^Runnable task) (.setDaemon true)))))))

(defn -main [& words]
  (let-futures-end)
  (try
    (let [data (:argmap (edn/read-string {:default tagged-literal} (slurp (System/getProperty "clojure.basis"))))
          [function arguments] (request (read-words words) data)]
      ((load-function function) arguments))
    (catch clojure.lang.ExceptionInfo error
      (when-not (::said (ex-data error)) (throw error))
      (binding [*out* *err*] (println (.getMessage error)))
      (System/exit 1))))
