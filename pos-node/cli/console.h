// Output for people: aligned tables, colour only on a terminal.
#pragma once

#include <boost/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace titan::pos {

namespace json = boost::json;

enum class Colour { plain, bold, green, yellow, red, dim };

class Console {
 public:
  Console(std::ostream& out, std::ostream& errors, bool colours)
      : out_(out), errors_(errors), colours_(colours) {}

  // Colours if standard output is a terminal that has them and NO_COLOR is not set.
  static bool wants_colours();

  std::ostream& out() { return out_; }
  void line(const std::string& text) { out_ << text << "\n"; }
  // What is going on, on one line of a terminal that is overwritten; "" ends it. Nothing elsewhere.
  void progress(const std::string& text);
  void warn(const std::string& text) { errors_ << "titan-pos: warning: " << text << "\n"; }
  void fail(const std::string& text) { errors_ << "titan-pos: " << text << "\n"; }
  std::string paint(const std::string& text, Colour colour) const;

 private:
  std::ostream& out_;
  std::ostream& errors_;
  bool colours_;
};

// Columns as wide as their widest cell; widths count characters, not bytes.
class Table {
 public:
  struct Cell {
    std::string text;
    Colour colour = Colour::plain;
    bool right = false;  // figures
  };
  explicit Table(std::vector<std::string> header);
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  void print(Console& console) const;
  bool empty() const { return rows_.empty(); }

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

// Columns that a text takes on a terminal: wide for CJK and emoji, none for combining marks.
std::size_t display_width(std::string_view text);
// At most `width_max` columns, the end cut off with an ellipsis.
std::string shorten(std::string_view text, std::size_t width_max);

// "members.0.state" in a JSON answer; null if it is not there.
const json::value& member_at(const json::value& value, std::string_view path);
// The same as text: strings as they are, numbers and flags as JSON, null as "".
std::string text_at(const json::value& value, std::string_view path);

}  // namespace titan::pos
