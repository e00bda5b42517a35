#include "simulations/report/html_page.h"

#include <boost/json.hpp>
#include <string_view>

#include "simulations/report/page_parts.h"

namespace titan::simulations {
namespace {

// JSON inside a <script> element: "</" would end the element, U+2028 is a line end to old parsers.
std::string embeddable(const boost::json::object& data) {
  const std::string json = boost::json::serialize(data);
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

void replace(std::string& text, std::string_view mark, std::string_view with) {
  const std::size_t at = text.find(mark);
  if (at != std::string::npos) text.replace(at, mark.size(), with);
}

}  // namespace

std::string html_page(const Verdict& verdict, const Timeline& timeline) {
  boost::json::object data = timeline.to_json();
  data["verdict"] = to_json(verdict);
  std::string page(page_html);
  replace(page, "/*STYLE*/", page_css);
  replace(page, "/*SCRIPT*/", page_js);
  replace(page, "/*DATA*/", embeddable(data));
  return page;
}

}  // namespace titan::simulations
