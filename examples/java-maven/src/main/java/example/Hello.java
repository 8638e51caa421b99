package example;

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** Answers each request with a greeting, as JSON. */
public class Hello {
  public static void main(String[] arguments) throws IOException {
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "5000"));
    HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] page = greeting(exchange.getRequestURI().getPath()).getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(200, page.length);
          exchange.getResponseBody().write(page);
          exchange.close();
        });
    server.start();
    System.out.println("listening on " + port);
  }

  static String greeting(String path) {
    Map<String, String> words = new TreeMap<>();
    words.put("hello", "from " + System.getenv().getOrDefault("DYNO", "here"));
    words.put("java", Runtime.version().toString());
    words.put("path", path);
    return new Gson().toJson(words);
  }
}
