// A page that says which dyno answered, and greets by name.
use std::{env, thread};

use tiny_http::{Header, Request, Response, Server};

fn answer(path: &str) -> String {
    match path.strip_prefix("/hello/") {
        Some(name) => format!("Hello {name}\n"),
        None => format!("Hello from {}\n", env::var("DYNO").unwrap_or_default()),
    }
}

fn respond(request: Request) -> std::io::Result<()> {
    let text = answer(request.url());
    println!("{} {} {} bytes", request.method(), request.url(), itoa::Buffer::new().format(text.len()));
    let plain = Header::from_bytes("Content-Type", "text/plain; charset=utf-8").expect("a header of ASCII");
    request.respond(Response::from_string(text).with_header(plain))
}

fn main() {
    let port = env::var("PORT").unwrap_or_else(|_| "5000".to_string());
    let server = Server::http(format!("0.0.0.0:{port}")).expect("PORT is free");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for request in server.incoming_requests() {
                    if let Err(error) = respond(request) {
                        eprintln!("{error}");
                    }
                }
            });
        }
    });
}
