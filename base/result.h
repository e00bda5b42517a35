// How fallible calls answer: Result<T> holds a value or an Error; Status only success or an Error.
//
// An Error is written for the person who reads it: what was wrong, where, what to do.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace titan {

enum class ErrorCode {
  invalid,  // the input is wrong; `field` names the part
  not_found,
  conflict,         // same idempotency key, another request
  too_large,        // over a named limit
  unsupported,      // wrong content type, newer protocol version
  unavailable,      // try again later
  unknown_outcome,  // it may or may not have happened: repeat with the same idempotency key
  refused,          // another store, another tenant, missing secret, lower token
  io,               // disk, socket or database failed
  corrupt,          // bytes that cannot be what they claim to be
};

struct Error {
  ErrorCode code = ErrorCode::invalid;
  std::string field;
  std::string message;
};

// The API's text for a code: "invalid", "not_found" ...
const char* to_string(ErrorCode code);

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::runtime_error(error.message);
}

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

inline Error make_error(ErrorCode code, std::string message, std::string field = {}) {
  return Error{code, std::move(field), std::move(message)};
}

}  // namespace titan
