#include "retail/catalogue/csv_list.h"

#include <algorithm>
#include <array>

#include "retail/catalogue/csv_cells.h"
#include "retail/catalogue/known_exports.h"
#include "retail/catalogue/list_text.h"
#include "retail/csv.h"

namespace titan::retail {
namespace {

constexpr std::array<char, 4> separators = {',', ';', '\t', '|'};

std::string line_name(std::size_t line) {
  return "line " + std::to_string(line);
}

// One list, read twice: once for how it writes numbers, once for its rows.
class CsvList {
 public:
  CsvList(std::string_view text, const CsvListRules& rules)
      : text_(text), builder_(rules.currency, rules.mode) {}

  ListBuilder& builder() { return builder_; }
  void read();

 private:
  struct Place {
    std::string row;
    std::size_t index = 0;  // of the column
  };

  void refuse(const Error& error);
  void fault(const Place& place, const std::string& what);
  bool take_separator();
  bool read_header();
  void name_columns(const CsvRow& row);
  void learn_numbers();
  bool prepare_row(CsvRow& row);
  void read_row(const CsvRow& row);
  bool read_cell(const CsvRow& row, std::size_t column, ProductPatch& patch);
  void read_name(const CsvRow& row, ProductPatch& patch);
  void read_state(const CsvRow& row, ProductPatch& patch);
  bool is_no_article(const CsvRow& row) const;
  bool currencies_fit(const CsvRow& row, const ProductPatch& patch);
  bool state(ProductPatch& patch, ProductField field, const std::string& text, const Place& place);
  std::string cell_of(const CsvRow& row, ColumnRole role) const;

  std::string_view text_;
  ListBuilder builder_;
  char separator_ = ',';
  std::size_t first_line_ = 0;  // lines before text_, of a sep= line
  std::vector<ColumnUse> columns_;
  std::string_view system_;  // whose export it is; empty: of product_fields() columns
  CsvReader reader_{""};
  NumberStyle numbers_{','};
  std::string last_handle_, last_name_;
  std::size_t skipped_ = 0;
};

void CsvList::refuse(const Error& error) {
  std::string sentence = error.message;
  while (sentence.ends_with('.')) sentence.pop_back();
  builder_.fault({error.field, "", sentence}, error.field, sentence, error.code);
}

void CsvList::fault(const Place& place, const std::string& what) {
  const bool of_column = place.index < columns_.size();
  const std::string name = of_column ? columns_[place.index].header : "";
  const std::string sentence =
      capitalised(place.row) +
      (of_column ? ", column " + std::to_string(place.index + 1) + ": " + name + " " : " ") + what;
  builder_.fault({place.row, name, (name.empty() ? "" : name + " ") + what}, place.row, sentence);
}

// "sep=;" in the first line is a spreadsheet's word for it; else the header shows it.
bool CsvList::take_separator() {
  const std::size_t end = std::min(text_.find('\n'), text_.size());
  std::string first(text_.substr(0, end));
  std::erase_if(first, [](char c) { return c == '"' || c == '\r'; });
  if (canonical_header(first.substr(0, 3)) == "sep" && first.substr(3, 1) == "=" &&
      first.size() <= 5) {
    separator_ = first.size() == 5 ? first[4] : ',';
    if (std::find(separators.begin(), separators.end(), separator_) == separators.end()) {
      refuse(make_error(ErrorCode::invalid,
                        "Line 1: \"" + first +
                            "\" is no separator known here; known are comma, "
                            "semicolon, tab and |",
                        "line 1"));
      return false;
    }
    text_.remove_prefix(std::min(end + 1, text_.size()));
    first_line_ = 1;
    return true;
  }
  std::size_t best = 0;
  for (const char candidate : separators) {
    CsvReader reader(text_, candidate);
    CsvRow row;
    const auto more = reader.next(row);
    if (!more || !*more) continue;
    std::size_t known = 0;
    for (const std::string& header : row.fields) {
      const std::string name = canonical_header(header);
      known += std::any_of(product_fields().begin(), product_fields().end(),
                           [&](const FieldRule& rule) {
                             return canonical_header(rule.name) == name ||
                                    (!name.empty() && canonical_header(rule.other_name) == name);
                           })
                   ? 100
                   : 1;
    }
    if (known > best) {
      best = known;
      separator_ = candidate;
    }
  }
  return true;
}

const FieldRule* rule_of_header(const std::string& header) {
  const std::string name = canonical_header(header);
  if (name.empty() || header.find('[') != std::string::npos) return nullptr;
  for (const FieldRule& rule : product_fields()) {
    if (rule.field == ProductField::clears_override) continue;
    if (canonical_header(rule.name) == name || canonical_header(rule.other_name) == name) {
      return &rule;
    }
  }
  return nullptr;
}

std::string known_columns() {
  std::string known;
  for (const FieldRule& rule : product_fields()) {
    if (rule.field == ProductField::clears_override) continue;
    known += (known.empty() ? "" : ", ") + std::string(rule.name);
    if (!rule.other_name.empty()) known += " (" + std::string(rule.other_name) + ")";
  }
  return known;
}

void CsvList::name_columns(const CsvRow& row) {
  const std::string place = line_name(row.line + first_line_);
  const auto wrong = [&](std::size_t index, const std::string& what) {
    const std::string& header = row.fields[index];
    builder_.fault({place, header.substr(0, 60), what}, place,
                   capitalised(place) + ", column " + std::to_string(index + 1) + ": " + what);
  };
  std::vector<const FieldRule*> seen;
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    const std::string header = clean_text(row.fields[i]);
    ColumnUse& column = columns_.emplace_back();
    column.header = header;
    if (header.empty()) continue;  // a cell below it that is not empty is refused
    const FieldRule* rule = rule_of_header(header);
    if (!rule) {
      wrong(i, "unknown column \"" + header.substr(0, 60) +
                   "\". The first line names the columns; known are " + known_columns());
      continue;
    }
    if (std::find(seen.begin(), seen.end(), rule) != seen.end()) {
      wrong(i, "column \"" + header.substr(0, 60) + "\" is there twice");
      continue;
    }
    seen.push_back(rule);
    column.role = ColumnRole::field;
    column.rule = rule;
    column.header = rule->name;
  }
  const bool has_key = std::any_of(seen.begin(), seen.end(), [](const FieldRule* rule) {
    return rule->field == ProductField::sku || rule->field == ProductField::gtins;
  });
  if (!has_key && !builder_.has_faults()) {
    refuse(make_error(ErrorCode::invalid, "The list has neither a column \"sku\" nor \"gtin\"",
                      place));
  }
}

bool CsvList::read_header() {
  reader_ = CsvReader(text_, separator_);
  CsvRow row;
  for (;;) {
    const auto more = reader_.next(row);
    if (!more) return refuse(more.error()), false;
    if (!*more) return refuse(make_error(ErrorCode::invalid, "The list is empty", "line 1")), false;
    if (!std::all_of(row.fields.begin(), row.fields.end(), is_blank)) break;
  }
  const bool is_ours = std::all_of(row.fields.begin(), row.fields.end(), [](const auto& header) {
    return is_blank(header) || rule_of_header(clean_text(header)) != nullptr;
  });
  std::vector<std::string> headers;
  for (const std::string& header : row.fields) headers.push_back(clean_text(header));
  auto known = is_ours ? std::nullopt : recognise_export(headers);
  if (!known) {
    name_columns(row);
    return !builder_.has_faults();
  }
  columns_ = std::move(known->columns);
  system_ = known->system;
  if (!known->ignored.empty()) {
    std::string names;
    for (const std::string& header : known->ignored) {
      names += (names.empty() ? "" : ", ") + header.substr(0, 60);
    }
    builder_.warn("The list is an export of " + std::string(system_) +
                  "; these columns were not used: " + names + ".");
  }
  return true;
}

void CsvList::learn_numbers() {
  numbers_ = NumberStyle(separator_);
  CsvReader reader = reader_;
  CsvRow row;
  for (;;) {
    const auto more = reader.next(row);
    if (!more || !*more) return;
    for (std::size_t i = 0; i < std::min(row.fields.size(), columns_.size()); ++i) {
      if (!columns_[i].rule || row.fields[i].empty()) continue;
      const FieldForm form = columns_[i].rule->form;
      if (form == FieldForm::decimal || form == FieldForm::whole || form == FieldForm::percent) {
        numbers_.learn(without_text_mark(clean_text(row.fields[i])), form == FieldForm::percent);
      }
    }
  }
}

void CsvList::read() {
  if (!take_separator() || !read_header()) return;
  learn_numbers();
  CsvRow row;
  std::size_t rows = 0;
  while (!builder_.has_seen_enough()) {
    const auto more = reader_.next(row);
    if (!more) return refuse(more.error());
    if (!*more) break;
    if (!prepare_row(row)) continue;
    if (++rows > import_products_max) {
      return refuse(make_error(
          ErrorCode::too_large,
          "More than " + std::to_string(import_products_max) + " products; divide the list",
          line_name(row.line + first_line_)));
    }
    builder_.count_row();
    read_row(row);
  }
  if (skipped_ > 0) {
    builder_.warn(std::to_string(skipped_) + " rows of the " + std::string(system_) +
                  " export are no articles (pictures, groups) and were left out.");
  }
}

// False: the row says nothing, or its number of cells is wrong.
bool CsvList::prepare_row(CsvRow& row) {
  if (std::all_of(row.fields.begin(), row.fields.end(), is_blank)) return false;
  while (row.fields.size() > columns_.size() && is_blank(row.fields.back())) row.fields.pop_back();
  if (row.fields.size() == columns_.size()) return true;
  const std::string place = line_name(row.line + first_line_);
  std::string what = "has " + std::to_string(row.fields.size()) + " columns, the first line has " +
                     std::to_string(columns_.size());
  if (row.fields.size() > columns_.size()) {
    what += std::string("; a ") + (separator_ == '\t' ? "tab" : std::string(1, separator_)) +
            " inside a cell needs quotes around the cell";
  }
  fault({place, columns_.size()}, what);
  return false;
}

std::string CsvList::cell_of(const CsvRow& row, ColumnRole role) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].role == role) return clean_text(row.fields[i]);
  }
  return "";
}

bool CsvList::is_no_article(const CsvRow& row) const {
  if (system_.empty()) return false;
  const std::string type = cell_of(row, ColumnRole::row_type);
  if (type.starts_with("variable") || type.starts_with("grouped")) return true;
  return std::all_of(columns_.begin(), columns_.end(), [&](const ColumnUse& column) {
    const auto at = static_cast<std::size_t>(&column - columns_.data());
    const bool tells = column.rule && (column.rule->field == ProductField::sku ||
                                       column.rule->field == ProductField::gtins ||
                                       column.rule->field == ProductField::price);
    return !tells || is_blank(row.fields[at]);
  });
}

// "12.50 USD" in a shop that sells in euros is another price than 12.50.
bool CsvList::currencies_fit(const CsvRow& row, const ProductPatch& patch) {
  const std::string& code =
      patch.said.currency().empty() ? builder_.currency() : patch.said.currency();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].rule || columns_[i].rule->field != ProductField::price) continue;
    const std::string cell = clean_text(row.fields[i]);
    if (currency_fits(cell, code)) continue;
    fault({patch.place, i}, "is \"" + cell.substr(0, 40) + "\", while the article is priced in " +
                                code + "; a column \"currency\" says otherwise");
    return false;
  }
  return true;
}

void CsvList::read_row(const CsvRow& row) {
  const std::string handle = cell_of(row, ColumnRole::handle);
  const std::string name = cell_of(row, ColumnRole::name);
  if (handle != last_handle_ || !name.empty()) last_name_ = name;
  last_handle_ = handle;
  if (is_no_article(row)) {
    ++skipped_;
    return;
  }
  ProductPatch patch;
  patch.place = line_name(row.line + first_line_);
  bool good = true;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    good = read_cell(row, i, patch) && good;
  }
  if (!system_.empty()) {
    read_name(row, patch);
    read_state(row, patch);
  }
  if (!good || !currencies_fit(row, patch)) return;
  if (const auto contradiction = finish_patch(patch)) {
    builder_.fault({patch.place, std::string(contradiction->field),
                    std::string(contradiction->field) + " " + contradiction->message},
                   patch.place,
                   capitalised(patch.place) + ": " + std::string(contradiction->field) + " " +
                       contradiction->message);
    return;
  }
  builder_.add(std::move(patch));
}

bool CsvList::read_cell(const CsvRow& row, std::size_t column, ProductPatch& patch) {
  const ColumnUse& use = columns_[column];
  const std::string& cell = row.fields[column];
  if (use.role == ColumnRole::ignored && use.header.empty() && !is_blank(cell)) {
    builder_.fault({patch.place, "", "has a cell in a column without a name"}, patch.place,
                   capitalised(patch.place) + ", column " + std::to_string(column + 1) +
                       ": the column has no name in the first line");
    return false;
  }
  if (use.role != ColumnRole::field) return true;
  const bool is_blank_sku = use.rule->field == ProductField::sku &&
                            (is_blank(cell) || (!system_.empty() && clean_text(cell) == "False"));
  if (is_blank_sku) return true;  // the GTIN stands for it
  // Open prices of other systems: "variable".
  const bool is_open_price =
      !system_.empty() && use.rule->field == ProductField::price && clean_text(cell) == "variable";
  FieldInput input;
  std::string warning;
  auto complaint =
      is_open_price ? Complaint() : cell_input(*use.rule, cell, numbers_, input, warning);
  if (!complaint) complaint = state_field(patch, *use.rule, input);
  if (complaint) {
    fault({patch.place, column}, *complaint);
    return false;
  }
  if (!warning.empty()) builder_.warn(patch.place + ": " + warning + ".");
  return true;
}

bool CsvList::state(ProductPatch& patch, ProductField field, const std::string& text,
                    const Place& place) {
  for (const FieldRule& rule : product_fields()) {
    if (rule.field != field) continue;
    FieldInput input;
    input.text = text;
    const auto complaint = state_field(patch, rule, input);
    if (complaint) fault(place, std::string(rule.name) + " " + *complaint);
    return !complaint;
  }
  return false;
}

// "T-shirt" and "Large" are "T-shirt Large".
void CsvList::read_name(const CsvRow& row, ProductPatch& patch) {
  std::string name = last_name_;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].role != ColumnRole::variation) continue;
    const std::string variation = clean_text(row.fields[i]);
    const bool says_nothing =
        variation.empty() || variation == "Regular" || variation == "Default Title";
    if (!says_nothing) name += (name.empty() ? "" : " ") + variation;
  }
  const bool has_name = std::any_of(columns_.begin(), columns_.end(), [](const ColumnUse& column) {
    return column.role == ColumnRole::name;
  });
  if (has_name) {
    (void)state(patch, ProductField::description, name, {patch.place, columns_.size()});
  }
}

void CsvList::read_state(const CsvRow& row, ProductPatch& patch) {
  const Place whole{patch.place, columns_.size()};
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string cell = clean_text(row.fields[i]);
    switch (columns_[i].role) {
      case ColumnRole::for_sale:
        if (!cell.empty()) {
          (void)state(patch, ProductField::delisted, flag_text(cell) == "false" ? "true" : "false",
                      whole);
        }
        break;
      case ColumnRole::status:
        if (!cell.empty()) {
          const bool is_active = canonical_header(cell) == "active";
          (void)state(patch, ProductField::delisted, is_active ? "false" : "true", whole);
        }
        break;
      case ColumnRole::weighed:
        (void)state(patch, ProductField::unit, flag_text(cell) == "true" ? "kg" : "", whole);
        break;
      case ColumnRole::unit_name: {
        const std::string unit = canonical_header(cell);
        const bool is_piece = unit == "units" || unit == "unit";
        (void)state(patch, ProductField::unit, is_piece ? "" : cell, whole);
        break;
      }
      default:
        break;
    }
  }
}

}  // namespace

ProductList read_product_csv(std::string_view bytes, const CsvListRules& rules) {
  const auto text = list_text(bytes, rules.content_type);
  if (!text) {
    ListBuilder refused(rules.currency);
    std::string sentence = text.error().message;
    while (sentence.ends_with('.')) sentence.pop_back();
    refused.fault({text.error().field, "", sentence}, text.error().field, sentence,
                  text.error().code);
    return refused.take();
  }
  CsvList list(text->text, rules);
  if (!text->warning.empty()) list.builder().warn(text->warning);
  list.read();
  return list.builder().take();
}

}  // namespace titan::retail
