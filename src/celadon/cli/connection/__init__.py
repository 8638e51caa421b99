"""Speaking to a platform: which one it is, with what credentials; requests, streams and the rendezvous."""
