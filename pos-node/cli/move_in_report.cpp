#include "pos-node/cli/move_in_report.h"

#include "pos-node/json/json_writer.h"

namespace titan::pos {
namespace {

void print_counts(Console& console, const MoveInReport& report, const MoveInTotals& totals) {
  const auto text = [](std::uint64_t count) { return std::to_string(count); };
  console.line(
      console.paint(report.dry_run ? "This would be moved in at " : "Moved in at ", Colour::bold) +
      report.terminal + " (store " + report.store + "):");
  console.line(text(totals.products) + " products, of them " + text(totals.products_added) +
               " new here, " + text(totals.products_changed - totals.products_added) +
               " changed and " + text(totals.products_kept) + " kept as they are here");
  console.line(text(totals.stocks) + " opening stocks, of them " + text(totals.stocks_known) +
               " known already and " + text(totals.stocks_claimed) + " claimed by another file; " +
               text(totals.stock_differs.size()) + " differ from the figure that counts");
  console.line(text(totals.sales) + " past sales, of them " + text(totals.known_sales) +
               " known already, " + text(totals.pending) + " pending for head office, " +
               text(totals.voided) + " voided, " + text(totals.refunded) + " refunded");
  if (report.products_left_out + report.sales_left_out > 0) {
    console.line(text(report.products_left_out) + " products and " + text(report.sales_left_out) +
                 " sales are left behind, for they do not fit");
  }
}

}  // namespace

void MoveInTotals::forget_sales() {
  sales = known_sales = differing_sales = pending = voided = refunded = 0;
  new_minor = known_minor = 0;
  days.clear();
  methods.clear();
}

void MoveInTotals::take(const FormerSale& sale, const std::string& business_date, bool is_known,
                        std::uint32_t exponent) {
  ++sales;
  known_sales += is_known ? 1 : 0;
  pending += sale.was_sent ? 0 : 1;
  voided += sale.status == FormerStatus::voided ? 1 : 0;
  refunded += sale.status == FormerStatus::refunded ? 1 : 0;
  if (sale.status != FormerStatus::completed) return;
  const auto minor = [&](const Decimal& amount) {
    return rescale_exactly(amount, exponent).value_or(0);
  };
  std::int64_t& apart = is_known ? known_minor : new_minor;
  apart = saturated_sum(apart, minor(sale.total));
  Day& day = days[business_date];
  ++day.sales;
  day.total_minor = saturated_sum(day.total_minor, minor(sale.total));
  for (const FormerPayment& payment : sale.payments) {
    std::int64_t& sum = methods[payment.method];
    sum = saturated_sum(sum, saturated_difference(minor(payment.amount), minor(payment.change)));
  }
}

void print_report(Console& console, const MoveInReport& report, const MoveInTotals& totals) {
  print_counts(console, report, totals);
  Table days({"business day", "sales", "total", ""});
  MoveInTotals::Day all;
  for (const auto& [date, day] : totals.days) {
    days.add({{date},
              {std::to_string(day.sales), Colour::plain, true},
              {to_text(day.total_minor, report.exponent), Colour::plain, true},
              {report.currency}});
    all.sales += day.sales;
    all.total_minor = saturated_sum(all.total_minor, day.total_minor);
  }
  days.add({{"all"},
            {std::to_string(all.sales), Colour::plain, true},
            {to_text(all.total_minor, report.exponent), Colour::bold, true},
            {report.currency}});
  days.print(console);
  console.line("of these " + to_text(totals.new_minor, report.exponent) + " " + report.currency +
               " new here and " + to_text(totals.known_minor, report.exponent) + " " +
               report.currency + " known already");
  Table methods({"paid by", "amount", ""});
  for (const auto& [method, minor] : totals.methods) {
    methods.add(
        {{method}, {to_text(minor, report.exponent), Colour::plain, true}, {report.currency}});
  }
  if (!methods.empty()) methods.print(console);
  if (report.dry_run) console.line("Nothing was changed. Without --dry-run this is moved in.");
}

namespace {

void write_products(JsonWriter& writer, const MoveInReport& report, const MoveInTotals& totals) {
  writer.key("products").begin_object();
  writer.member("count", totals.products)
      .member("new", totals.products_added)
      .member("changed", totals.products_changed - totals.products_added)
      .member("left_out", report.products_left_out)
      .member("kept", totals.products_kept)
      .key("differ")
      .begin_array();
  for (const std::string& difference : totals.products_differing) writer.value(difference);
  writer.end_array().end_object();
}

void write_stocks(JsonWriter& writer, const MoveInTotals& totals) {
  writer.key("opening_stocks").begin_object();
  writer.member("count", totals.stocks)
      .member("known", totals.stocks_known)
      .member("claimed", totals.stocks_claimed)
      .key("differ")
      .begin_array();
  for (const auto& [sku, counts] : totals.stock_differs) {
    writer.begin_object().member("sku", sku).member("counts", counts).end_object();
  }
  writer.end_array().end_object();
}

void write_sales(JsonWriter& writer, const MoveInReport& report, const MoveInTotals& totals) {
  writer.key("sales").begin_object();
  writer.member("count", totals.sales)
      .member("known", totals.known_sales)
      .member("pending", totals.pending)
      .member("voided", totals.voided)
      .member("refunded", totals.refunded)
      .member("left_out", report.sales_left_out)
      .member("new_total", to_text(totals.new_minor, report.exponent))
      .member("known_total", to_text(totals.known_minor, report.exponent))
      .key("days")
      .begin_array();
  for (const auto& [date, day] : totals.days) {
    writer.begin_object()
        .member("business_date", date)
        .member("sales", day.sales)
        .member("total", to_text(day.total_minor, report.exponent))
        .end_object();
  }
  writer.end_array().key("payments").begin_array();
  for (const auto& [method, minor] : totals.methods) {
    writer.begin_object()
        .member("method", method)
        .member("amount", to_text(minor, report.exponent))
        .end_object();
  }
  writer.end_array().end_object();
}

}  // namespace

std::string report_json(const MoveInReport& report, const MoveInTotals& totals,
                        const v01::Faults& faults) {
  JsonWriter writer(1024);
  writer.begin_object()
      .member("id", report.id)
      .member("dry_run", report.dry_run)
      .member("terminal", report.terminal)
      .member("store", report.store)
      .member("currency", report.currency)
      .member("fault_count", faults.count())
      .key("faults")
      .begin_array();
  for (const v01::Fault& fault : faults.shown()) {
    writer.begin_object()
        .member("table", fault.table)
        .member("row", fault.row)
        .member("column", fault.column)
        .member("message", fault.message)
        .end_object();
  }
  writer.end_array().key("notes").begin_array();
  for (const std::string& note : report.notes) writer.value(note);
  writer.end_array();
  write_products(writer, report, totals);
  write_stocks(writer, totals);
  write_sales(writer, report, totals);
  writer.end_object();
  return std::move(writer.text());
}

}  // namespace titan::pos
