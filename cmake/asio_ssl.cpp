// The same of Boost.Asio's TLS, for those who link OpenSSL anyway.
#include <boost/asio/ssl/impl/src.hpp>
