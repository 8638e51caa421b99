import com.sun.net.httpserver.HttpServer
import java.net.InetSocketAddress

@main def hello(): Unit =
  val port = sys.env.getOrElse("PORT", "8080").toInt
  val server = HttpServer.create(InetSocketAddress(port), 0)
  server.createContext("/", exchange =>
    val page = upickle.default.write(Map("hello" -> "Scala")).getBytes
    exchange.sendResponseHeaders(200, page.length)
    exchange.getResponseBody.write(page)
    exchange.close())
  server.start()
