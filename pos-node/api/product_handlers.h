// Products: look-up, search, and the request that takes in a list (product_import.h).
//
// Loop thread only. Holds no state.
#pragma once

#include "pos-node/api/http.h"
#include "pos-node/api/product_import.h"
#include "pos-node/service/service.h"

namespace titan::pos {

class ProductHandlers {
 public:
  ProductHandlers(Service& service, ProductImports& imports)
      : service_(service), imports_(imports) {}

  void get_products(ApiRequest& request, AnswerCallback done);
  void get_product(ApiRequest& request, AnswerCallback done);
  void put_products(ApiRequest& request, AnswerCallback done);

 private:
  Service& service_;
  ProductImports& imports_;
};

}  // namespace titan::pos
