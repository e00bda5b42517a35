// Lets Catch show a Result: its error's message when a check on it fails.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "base/result.h"

namespace Catch {

template <class T>
struct StringMaker<boost::system::result<T, titan::Error>> {
  static std::string convert(const boost::system::result<T, titan::Error>& result) {
    return result ? "(a value)" : result.error().message;
  }
};

}  // namespace Catch
