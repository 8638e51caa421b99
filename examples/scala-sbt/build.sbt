name := "hello"
scalaVersion := "3.3.7"
libraryDependencies += "com.lihaoyi" %% "upickle" % "4.4.2"
enablePlugins(JavaAppPackaging)
