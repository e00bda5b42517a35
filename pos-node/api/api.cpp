#include "pos-node/api/api.h"

namespace titan::pos {

// A path element "*" stands for any one.
struct Api::Route {
  Method method;
  std::vector<std::string_view> path;
  Handler handler;
};

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> all = {
      {Method::post, {"v1", "sales"}, &Api::post_sale},
      {Method::post, {"v1", "refunds"}, &Api::post_refund},
      {Method::post, {"v1", "voids"}, &Api::post_void},
      {Method::post, {"v1", "deliveries"}, &Api::post_delivery},
      {Method::post, {"v1", "adjustments"}, &Api::post_adjustment},
      {Method::post, {"v1", "transfers"}, &Api::post_transfer},
      {Method::get, {"v1", "sales", "*"}, &Api::get_sale},
      {Method::get, {"v1", "products"}, &Api::get_products},
      {Method::put, {"v1", "products"}, &Api::put_products},
      {Method::get, {"v1", "products", "*"}, &Api::get_product},
      {Method::get, {"v1", "stock"}, &Api::get_stock},
      {Method::get, {"v1", "stock", "*"}, &Api::get_stock_of},
      {Method::get, {"v1", "journal"}, &Api::get_journal},
      {Method::get, {"v1", "status"}, &Api::get_status},
      {Method::get, {"metrics"}, &Api::get_metrics},
      {Method::get, {"healthz"}, &Api::get_health},
  };
  return all;
}

Api::Api(Service& service, Metrics& metrics, ApiThreads threads)
    : service_(service), metrics_(metrics), threads_(std::move(threads)) {}

std::size_t Api::body_limit(const ApiRequest& request) {
  const bool is_product_list =
      request.method == Method::put && request.path.size() == 2 && request.path[1] == "products";
  return is_product_list ? products_body_bytes_max : body_bytes_max;
}

void Api::handle(ApiRequest request, AnswerCallback done) {
  const auto counted = [this, done = std::move(done)](ApiAnswer answer) {
    if (answer.status >= 500) {
      metrics_.requests_failed.Increment();
    } else if (answer.status >= 400) {
      metrics_.requests_refused.Increment();
    }
    done(std::move(answer));
  };
  const auto matches = [&](const Route& route) {
    if (route.path.size() != request.path.size()) return false;
    for (std::size_t i = 0; i < route.path.size(); ++i) {
      if (route.path[i] != "*" && route.path[i] != request.path[i]) return false;
    }
    return true;
  };
  const char* allowed = nullptr;
  for (const Route& route : routes()) {
    if (!matches(route)) continue;
    if (route.method == request.method) return (this->*route.handler)(request, counted);
    const bool both = allowed != nullptr;
    allowed = both                          ? "GET, PUT"
              : route.method == Method::get ? "GET"
              : route.method == Method::put ? "PUT"
                                            : "POST";
  }
  if (!allowed) {
    return counted(error_answer(make_error(ErrorCode::not_found,
                                           "There is nothing at this address; see "
                                           "docs/openapi.yaml for what there is.")));
  }
  ApiAnswer answer = error_answer(make_error(
      ErrorCode::invalid, std::string("This address takes ") + allowed + " only.", "method"));
  answer.status = 405;
  answer.allow = allowed;
  counted(std::move(answer));
}

}  // namespace titan::pos
