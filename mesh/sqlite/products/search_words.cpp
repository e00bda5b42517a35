#include "mesh/sqlite/products/search_words.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>

namespace titan::mesh {
namespace {

// Those of product_search in the schema; with others a product would not be found by its own name.
constexpr const char* tokenizer_name = "unicode61";
constexpr const char* tokenizer_arguments[] = {"remove_diacritics", "2"};

// How FTS5 hands itself out (https://www.sqlite.org/fts5.html, "Extending FTS5"). Null if it
// does not.
fts5_api* fts5_of(sqlite3* database) {
  sqlite3_stmt* statement = nullptr;
  fts5_api* api = nullptr;
  if (sqlite3_prepare_v2(database, "SELECT fts5(?1)", -1, &statement, nullptr) != SQLITE_OK) {
    return nullptr;
  }
  sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", nullptr);
  sqlite3_step(statement);
  sqlite3_finalize(statement);
  return api;
}

class Tokenizer {
 public:
  explicit Tokenizer(sqlite3* database) {
    fts5_api* api = fts5_of(database);
    void* context = nullptr;
    if (!api || api->xFindTokenizer(api, tokenizer_name, &context, &methods_) != SQLITE_OK) {
      throw SQLite::Exception("this SQLite has no full-text search");
    }
    auto** arguments = const_cast<const char**>(tokenizer_arguments);
    if (methods_.xCreate(context, arguments, std::size(tokenizer_arguments), &tokenizer_) !=
        SQLITE_OK) {
      throw SQLite::Exception("the search's tokenizer cannot be made");
    }
  }
  ~Tokenizer() { methods_.xDelete(tokenizer_); }
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  std::vector<SearchWord> words(std::string_view text) {
    Found found{text, {}};
    methods_.xTokenize(tokenizer_, &found, FTS5_TOKENIZE_QUERY, text.data(),
                       static_cast<int>(text.size()), on_word);
    return std::move(found.words);
  }

 private:
  struct Found {
    std::string_view text;
    std::vector<SearchWord> words;
  };

  static int on_word(void* context, int, const char* token, int size, int start, int end) {
    auto& found = *static_cast<Found*>(context);
    const auto begin = static_cast<std::size_t>(start);
    found.words.push_back(
        {std::string(token, static_cast<std::size_t>(size)),
         std::string(found.text.substr(begin, static_cast<std::size_t>(end) - begin))});
    return SQLITE_OK;
  }

  fts5_tokenizer methods_{};
  Fts5Tokenizer* tokenizer_ = nullptr;
};

}  // namespace

std::vector<SearchWord> search_words(Connection& connection, std::string_view text) {
  return Tokenizer(connection.database().getHandle()).words(text);
}

// What begins a longer word of the text is fulfilled by whatever fulfils that one: a text of many
// words costs no more than its different beginnings.
std::string match_expression(std::vector<SearchWord> words) {
  std::sort(words.begin(), words.end(),
            [](const SearchWord& a, const SearchWord& b) { return a.folded < b.folded; });
  std::string expression;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i + 1 < words.size() && words[i + 1].folded.starts_with(words[i].folded)) continue;
    expression += (expression.empty() ? "\"" : " AND \"") + words[i].as_typed + "\"*";
  }
  return expression;
}

std::string name_expression(const std::vector<SearchWord>& words) {
  if (words.empty()) return {};
  std::string expression = "description : ^ \"";
  for (const SearchWord& word : words) expression += word.as_typed + " ";
  return expression + "\"";
}

}  // namespace titan::mesh
