// The words of a text as the product index itself sees them: its own tokenizer is asked, so that
// what it keeps nothing of (symbols, marks, blanks) is no word here either.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mesh/sqlite/file/connection.h"

namespace titan::mesh {

struct SearchWord {
  std::string folded;    // as the index keeps it: lower case, without accents
  std::string as_typed;  // the part of the text it came from; the tokenizer makes one word of it
};

// In the order of the text. Throws SQLite::Exception.
std::vector<SearchWord> search_words(Connection& connection, std::string_view text);

// An FTS5 query: each word begins a word of the product. Empty if there are no words.
std::string match_expression(std::vector<SearchWord> words);

// An FTS5 query: the description begins with exactly these words. Empty if there are none.
std::string name_expression(const std::vector<SearchWord>& words);

}  // namespace titan::mesh
