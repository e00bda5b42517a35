// What Boost.Asio and Beast would compile into each file that includes them.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
