"""Departments: the cross-department enterprise credit view (企业信用信息查询)."""
